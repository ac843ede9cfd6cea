//! Alarms on the wire: raised, listed, taken back.

use quorate_core::{
    Command, Response as Outcome, View,
    alarm::{Alarm, AlarmAction, AlarmKind},
    auth::Author,
};

use super::{caller::Caller, context::Context, errors::ApiError};
use crate::proto::etcdserverpb::{
    AlarmMember, AlarmRequest, AlarmType, alarm_request::AlarmAction as Asked,
};

/// Does what is asked; the alarms to answer with.
pub(super) async fn answer(
    context: &Context,
    caller: &Caller,
    request: AlarmRequest,
) -> Result<Vec<AlarmMember>, ApiError> {
    let kind = kind(request.alarm());
    let may = |state: &View, author: &Author| match request.action() {
        Asked::Get => Ok(state.authorize_anyone(author)?),
        Asked::Activate | Asked::Deactivate => Ok(state.authorize_admin(author)?),
    };
    context.permit(caller, may).await?;
    let action = match request.action() {
        Asked::Get => {
            context.node.read_barrier().await?;
            let all = context.node.with_state(|state| list(state));
            let asked = all.filter(|alarm| kind.is_none_or(|kind| alarm.kind == kind));
            return Ok(asked.map(to_wire).collect());
        }
        Asked::Activate => AlarmAction::Activate,
        Asked::Deactivate => AlarmAction::Deactivate,
    };
    let Some(kind) = kind else {
        return Ok(Vec::new());
    };
    let member_id = request.member_id;
    let alarm = Alarm { kind, member_id };
    let command = Command::Alarm { action, alarm };
    let (_, outcome) = context.propose(caller, command).await?;
    let alarm = match outcome {
        Outcome::Alarm { alarm } => alarm,
        _ => None,
    };
    Ok(alarm.map(to_wire).into_iter().collect())
}

/// The alarms, as Status names them: in the text form of the message, which ends with a space.
pub(super) fn names(state: &View) -> Vec<String> {
    let name = |alarm: Alarm| {
        let (id, kind) = (alarm.member_id, kind_name(alarm.kind));
        format!("memberID:{id} alarm:{kind} ")
    };
    state.alarms().map(name).collect()
}

/// As etcd writes it.
pub(crate) fn kind_name(kind: AlarmKind) -> &'static str {
    match kind {
        AlarmKind::NoSpace => "NOSPACE",
        AlarmKind::Corrupt => "CORRUPT",
    }
}

fn list(state: &View) -> impl Iterator<Item = Alarm> + use<> {
    state.alarms().collect::<Vec<_>>().into_iter()
}

fn kind(wire: AlarmType) -> Option<AlarmKind> {
    match wire {
        AlarmType::None => None,
        AlarmType::Nospace => Some(AlarmKind::NoSpace),
        AlarmType::Corrupt => Some(AlarmKind::Corrupt),
    }
}

fn to_wire(alarm: Alarm) -> AlarmMember {
    let kind = match alarm.kind {
        AlarmKind::NoSpace => AlarmType::Nospace,
        AlarmKind::Corrupt => AlarmType::Corrupt,
    };
    AlarmMember {
        member_id: alarm.member_id,
        alarm: kind.into(),
    }
}
