//! What a member does about a full disk, or a state that has reached its quota: it tells the cluster
//! by its NOSPACE alarm, refuses what takes space until everybody has heard, and takes the alarm
//! back when there is room again.
//!
//! An alarm is state: the cluster's, not this process's. The member clears the one that it has
//! raised itself since it was started, and one for it that it finds at its start, when its
//! predecessor may have raised it: whoever raises one by hand for a member that has room has to
//! raise it again after that member's restart. Alarms for other members are never touched.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use quorate_core::{
    Command, Error,
    alarm::{Alarm, AlarmAction, AlarmKind},
    auth::Author,
};

use super::{Node, NodeError, RETRY_INTERVAL, quota};
use crate::clock;

/// How often it is looked whether there is room.
const SPACE_TICK: Duration = Duration::from_millis(100);

/// There has to be room for so long before the alarm is taken back: on the disk as much as one
/// segment of the log needs, since without that there is none, and below the quota as much as
/// [`Quota::has_room_again`](super::quota::Quota::has_room_again) says.
const ROOM_MIN_TIME: Duration = Duration::from_secs(2);

/// What is known of this member's alarm.
#[derive(Default)]
struct OwnAlarm {
    /// Whether it has been looked for one that was there at the start.
    is_settled: bool,
    /// Whether it is this member's to clear.
    is_own: bool,
    room_since: Option<clock::Instant>,
}

impl Node {
    /// Runs as long as the server.
    pub(super) async fn run_space(self: Arc<Self>) {
        let mut own = OwnAlarm::default();
        while !self.is_stopping() {
            clock::sleep(SPACE_TICK).await;
            if !own.is_settled {
                self.look_for_own_alarm(&mut own).await;
            }
            if let Some(action) = self.look_at_space(&mut own) {
                self.set_own_alarm(action, &mut own).await;
            }
        }
    }

    /// Whether the alarm has to change.
    fn look_at_space(&self, own: &mut OwnAlarm) -> Option<AlarmAction> {
        let is_out = self.space.is_out();
        let (is_raised, any) = self.with_state(|state| {
            let is_raised = state.alarms().any(|alarm| alarm == self.own_alarm());
            (is_raised, state.alarms().next().is_some())
        });
        self.refusing.store(is_out || any, Ordering::Relaxed);
        if is_raised {
            self.quota.alarm_is_raised();
        }
        if is_out || self.quota.has_refused() {
            own.room_since = None;
            return (!is_raised).then_some(AlarmAction::Activate);
        }
        if !self.quota.has_room_again(self.replica.size_bytes()) {
            own.room_since = None;
            return None;
        }
        let since = *own.room_since.get_or_insert_with(clock::now);
        let may_clear = is_raised && own.is_own && since.elapsed() >= ROOM_MIN_TIME;
        may_clear.then_some(AlarmAction::Deactivate)
    }

    /// An alarm that this member's last process has raised is its to take back. The entry may be in
    /// the log, and not be known to be committed: behind a read barrier it is.
    async fn look_for_own_alarm(&self, own: &mut OwnAlarm) {
        if self.read_barrier().await.is_ok() {
            own.is_settled = true;
            own.is_own |= self.with_state(|state| state.alarms().any(|it| it == self.own_alarm()));
        }
    }

    fn own_alarm(&self) -> Alarm {
        Alarm {
            kind: AlarmKind::NoSpace,
            member_id: self.member_id(),
        }
    }

    async fn set_own_alarm(self: &Arc<Self>, action: AlarmAction, own: &mut OwnAlarm) {
        let alarm = self.own_alarm();
        // If it is raised by somebody else meanwhile, that is without effect; it is the same alarm.
        own.is_own |= action == AlarmAction::Activate;
        let command = Command::Alarm { action, alarm };
        match (self.propose(&Author::Member, &command).await, action) {
            (Ok(_), AlarmAction::Activate) => {
                self.quota.alarm_is_raised();
                tracing::warn!("NOSPACE alarm raised: the cluster takes nothing that takes space");
            }
            (Ok(_), AlarmAction::Deactivate) => {
                own.is_own = false;
                tracing::info!("NOSPACE alarm taken back: there is room again");
            }
            (Err(error), _) => {
                tracing::debug!(%error, "cannot tell the cluster whether there is room yet");
            }
        }
    }

    /// Refuses what could only fill the log that has no room, or would be refused when it is
    /// applied, or for which the quota has no room.
    pub(super) async fn check_space(&self, command: &Command) -> Result<(), NodeError> {
        self.check_quota(quota::cost(command)).await?;
        // At once, not with the next tick: until then a fast client could use up the reserve, into
        // which the alarm itself has to go.
        if !self.refusing.load(Ordering::Relaxed) && !self.space.is_out() {
            return Ok(());
        }
        self.with_state(|state| state.check_alarms(command))?;
        if self.space.is_out() && command.takes_space() {
            return Err(Error::NoSpace.into());
        }
        Ok(())
    }

    /// Refuses what would take the state to its quota: [`quota::put_cost`] and its like say how much
    /// something counts. The first refusal raises the alarm, and waits until that is done, so that a
    /// client which is refused finds it.
    ///
    /// # Errors
    /// [`Error::NoSpace`].
    pub(crate) async fn check_quota(&self, cost: u64) -> Result<(), NodeError> {
        if self.quota.has_room(self.replica.size_bytes(), cost) {
            return Ok(());
        }
        let is_raised = || self.with_state(|state| state.alarms().any(|it| it == self.own_alarm()));
        if !is_raised() {
            self.quota.refuse();
            let raised = async {
                while !is_raised() && !self.is_stopping() {
                    clock::sleep(RETRY_INTERVAL).await;
                }
            };
            // Without a majority there is no alarm, and no room either.
            let _ = clock::timeout(self.options.limits.request_timeout, raised).await;
        }
        Err(Error::NoSpace.into())
    }
}
