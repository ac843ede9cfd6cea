//! The server's flags, and its alarms.

use quorate_core::alarm::{Alarm, AlarmAction, AlarmKind};

use super::words::{self, Parsed, Words};
use crate::scenario::executor::{Request, Settings, TokenKind};

/// `server --FLAG=VALUE…`
pub(super) fn flags(mut words: Words<'_>, settings: &mut Settings) -> Parsed<()> {
    loop {
        let word = words.next();
        let (flag, value) = word.split_once('=').unwrap_or((word, ""));
        match flag {
            "" => return Ok(()),
            "--max-txn-ops" => settings.max_txn_ops = words::number(value)?,
            "--max-request-bytes" => settings.max_request_bytes = words::number(value)?,
            "--watch-progress-notify-interval" => {
                settings.progress_notify_interval = words::duration(value)?;
            }
            "--auth-token" => {
                settings.tokens = match value {
                    "simple" => TokenKind::Simple,
                    "jwt" => TokenKind::Jwt,
                    _ => return Err("--auth-token=simple|jwt".to_owned()),
                }
            }
            _ => return Err(format!("scenarios do not use the flag {flag:?}")),
        }
    }
}

/// `alarm list [KIND]`, `alarm activate KIND member=ID`, `alarm deactivate KIND member=ID`
pub(super) fn alarm(words: &mut Words<'_>) -> Parsed<Request> {
    let usage = "alarm list|activate|deactivate …";
    let action = match words.word(usage)? {
        "list" => {
            let kind = match words.next() {
                "" => None,
                word => Some(kind(word)?),
            };
            return Ok(Request::Alarms { kind });
        }
        "activate" => AlarmAction::Activate,
        "deactivate" => AlarmAction::Deactivate,
        _ => return Err(usage.to_owned()),
    };
    let alarm = Alarm {
        member_id: words.option_number("member")?,
        kind: kind(words.word("alarm activate KIND member=ID")?)?,
    };
    Ok(Request::Alarm { action, alarm })
}

fn kind(word: &str) -> Parsed<AlarmKind> {
    match word {
        "nospace" => Ok(AlarmKind::NoSpace),
        "corrupt" => Ok(AlarmKind::Corrupt),
        _ => Err(format!("there is no alarm {word:?}")),
    }
}
