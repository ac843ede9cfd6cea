//! Steps, as the text of a scenario: the opposite of [`parse`](super::parse).

mod auth;
mod txn;
mod words;

use quorate_core::{
    alarm::{AlarmAction, AlarmKind},
    request::{DeleteRangeRequest, PutRequest, RangeRequest, Sort, SortOrder, SortTarget},
    watch::CreateRequest,
};

use super::{
    executor::{Request, WatchRequest},
    script::Step,
};
use words::Line;

/// The scenario of these steps, without answers.
pub(super) fn steps(steps: &[Step]) -> String {
    let texts: Vec<String> = steps.iter().map(step).collect();
    texts.join("\n")
}

/// With a line end.
fn step(step: &Step) -> String {
    let line = match step {
        Step::As(None) => return "as nobody\n".to_owned(),
        Step::As(Some(user)) => return format!("as {user}\n"),
        Step::Call(Request::Txn(request)) => return format!("txn\n{}", txn::parts(request, 1)),
        Step::Call(request) => call(request),
        Step::Watch { stream, request } => watch(request).option("on", stream, "1"),
        Step::Receive { stream } => Line::of("watch receive").option("on", stream, "1"),
    };
    line.end()
}

fn call(request: &Request) -> Line {
    match request {
        Request::Range {
            request,
            serializable,
        } => range(request).flag("serializable", *serializable),
        Request::Put(request) => put(request),
        Request::DeleteRange(request) => delete_range(request),
        Request::Compact { revision, physical } => Line::of("compact")
            .word(revision)
            .flag("physical", *physical),
        Request::HashKv { revision } => Line::of("hashkv").number("revision", *revision),
        Request::LeaseGrant { id, ttl_s } => Line::of("lease grant").word(id).word(ttl_s),
        Request::LeaseRevoke { id } => Line::of("lease revoke").word(id),
        Request::LeaseKeepAlive { id } => Line::of("lease keep-alive").word(id),
        Request::LeaseTimeToLive { id, keys } => {
            Line::of("lease timetolive").word(id).flag("keys", *keys)
        }
        Request::LeaseLeases => Line::of("lease list"),
        Request::Alarms { kind } => {
            let line = Line::of("alarm list");
            kind.iter().fold(line, |line, kind| line.word(alarm(*kind)))
        }
        Request::Alarm { action, alarm: one } => {
            let action = match action {
                AlarmAction::Activate => "activate",
                AlarmAction::Deactivate => "deactivate",
            };
            let line = Line::of("alarm").word(action).word(alarm(one.kind));
            line.option("member", &one.member_id.to_string(), "0")
        }
        request => auth::request(request),
    }
}

fn alarm(kind: AlarmKind) -> &'static str {
    match kind {
        AlarmKind::NoSpace => "nospace",
        AlarmKind::Corrupt => "corrupt",
    }
}

fn range(request: &RangeRequest) -> Line {
    let line = Line::of("get").keys(&request.range);
    let line = line
        .number("revision", request.revision)
        .number("limit", request.limit);
    let sorted = request.sort.iter().map(sort);
    let line = sorted.fold(line, |line, sort| line.option("sort", &sort, ""));
    line.flag("keys_only", request.keys_only)
        .flag("count_only", request.count_only)
        .number("min_mod_revision", request.filter.min_mod)
        .number("max_mod_revision", request.filter.max_mod)
        .number("min_create_revision", request.filter.min_create)
        .number("max_create_revision", request.filter.max_create)
}

fn sort(sort: &Sort) -> String {
    let target = match sort.target {
        SortTarget::Key => "key",
        SortTarget::Version => "version",
        SortTarget::Create => "create",
        SortTarget::Mod => "mod",
        SortTarget::Value => "value",
    };
    let order = match sort.order {
        SortOrder::Unspecified => "none",
        SortOrder::Ascend => "ascend",
        SortOrder::Descend => "descend",
    };
    format!("{target}:{order}")
}

fn put(request: &PutRequest) -> Line {
    Line::of("put")
        .bytes(&request.key)
        .bytes(&request.value)
        .number("lease", request.lease.map_or(0, |lease| lease.get()))
        .flag("prev_kv", request.prev_kv)
        .flag("ignore_value", request.ignore_value)
        .flag("ignore_lease", request.ignore_lease)
}

fn delete_range(request: &DeleteRangeRequest) -> Line {
    let line = Line::of("del").keys(&request.range);
    line.flag("prev_kv", request.prev_kv)
}

fn watch(request: &WatchRequest) -> Line {
    match request {
        WatchRequest::Create(request) => create(request),
        WatchRequest::Cancel { watch_id } => Line::of("watch cancel").word(watch_id),
        WatchRequest::Progress => Line::of("watch progress"),
    }
}

fn create(request: &CreateRequest) -> Line {
    Line::of("watch create")
        .keys(&request.range)
        .number("start_revision", request.start_revision)
        .flag("prev_kv", request.prev_kv)
        .flag("no_put", request.no_put)
        .flag("no_delete", request.no_delete)
        .flag("progress_notify", request.progress_notify)
        .flag("fragment", request.fragment)
        .number("watch_id", request.watch_id)
}
