//! Watches.

use quorate_core::watch::CreateRequest;

use super::{
    Command,
    words::{Parsed, Words},
};
use crate::scenario::executor::WatchRequest;

/// `watch create KEYS [start_revision=N] [prev_kv] [no_put] [no_delete] [progress_notify]
/// [fragment] [watch_id=N]`, `watch cancel ID`, `watch progress`, `watch receive`; each with
/// `[on=STREAM]`
pub(super) fn watch(words: &mut Words<'_>) -> Parsed<Command> {
    let usage = "watch create|cancel|progress|receive …";
    let stream = words.option("on").unwrap_or("1").to_owned();
    let request = match words.word(usage)? {
        "create" => WatchRequest::Create(create(words)?),
        "cancel" => WatchRequest::Cancel {
            watch_id: words.number("watch cancel ID")?,
        },
        "progress" => WatchRequest::Progress,
        "receive" => return Ok(Command::Receive { stream }),
        _ => return Err(usage.to_owned()),
    };
    Ok(Command::Watch { stream, request })
}

fn create(words: &mut Words<'_>) -> Parsed<CreateRequest> {
    Ok(CreateRequest {
        start_revision: words.option_number("start_revision")?,
        progress_notify: words.flag("progress_notify"),
        no_put: words.flag("no_put"),
        no_delete: words.flag("no_delete"),
        prev_kv: words.flag("prev_kv"),
        watch_id: words.option_number("watch_id")?,
        fragment: words.flag("fragment"),
        range: words.keys("watch create KEYS")?,
    })
}
