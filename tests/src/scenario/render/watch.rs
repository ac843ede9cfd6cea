//! What comes on a watch stream.

use quorate_core::{
    kv::Event,
    watch::{NO_WATCH_ID, WatchResponse},
};

use super::{bytes, kv::key_value, list};

/// What has come on a stream. The responses of one watcher are in order; between watchers there is
/// none (corner case 100), so they are shown by watcher, those of none at the end. How often
/// progress is told is a matter of time: of several in a row the last is shown.
pub(in crate::scenario) fn received(mut responses: Vec<WatchResponse>) -> String {
    if responses.is_empty() {
        return "nothing\n".to_owned();
    }
    responses.sort_by_key(|response| {
        let is_nobodys = response.watch_id == NO_WATCH_ID;
        (is_nobodys, response.watch_id)
    });
    let progress_of = |response: &WatchResponse| is_progress(response).then_some(response.watch_id);
    let rows = responses
        .chunk_by(|one, next| progress_of(one).is_some() && progress_of(one) == progress_of(next));
    list(rows.filter_map(<[_]>::last).map(response))
}

fn is_progress(response: &WatchResponse) -> bool {
    !response.created && !response.canceled && response.events.is_empty()
}

fn response(response: &WatchResponse) -> String {
    let WatchResponse {
        watch_id,
        revision,
        created,
        canceled,
        compact_revision,
        cancel_reason,
        fragment,
        events,
    } = response;
    let mut line = format!("watch_id={watch_id} revision={revision}");
    for (is_so, word) in [
        (*created, " created"),
        (*canceled, " canceled"),
        (*fragment, " fragment"),
        (is_progress(response), " progress"),
    ] {
        line += if is_so { word } else { "" };
    }
    if *compact_revision != 0 {
        line += &format!(" compact_revision={compact_revision}");
    }
    if !cancel_reason.is_empty() {
        line += &format!(" reason: {cancel_reason}");
    }
    format!("{line}\n{}", list(events.iter().map(event)))
}

fn event(event: &Event) -> String {
    let (what, prev) = match event {
        Event::Put { kv, prev } => (format!("PUT {}", key_value(kv)), prev),
        Event::Delete {
            key,
            mod_revision,
            prev,
        } => (format!("DELETE {} mod={mod_revision}", bytes(key)), prev),
    };
    let prev = prev
        .as_ref()
        .map(|kv| format!("    prev {}\n", key_value(kv)));
    format!("  {what}\n{}", prev.unwrap_or_default())
}
