//! Passwords: who has replaced one is sure that nobody gets in with the old one, and whoever has the
//! present one does. No two passwords of a history have the same number.

use super::super::Finding;
use crate::history::{AuthChange, Operation, Outcome, Request, reason};

pub(super) fn check(operations: &[Operation<'_>]) -> Result<(), Finding> {
    let changes: Vec<Change<'_>> = operations.iter().filter_map(Change::of).collect();
    for operation in operations {
        let (Request::Login { user, password }, Some((end_ns, _, outcome))) =
            (operation.request, operation.end)
        else {
            continue;
        };
        let of_user: Vec<&Change<'_>> = changes
            .iter()
            .filter(|change| change.user == user)
            .collect();
        let (giving, others): (Vec<&Change<'_>>, Vec<&Change<'_>>) = of_user
            .iter()
            .partition(|change| change.password == Some(*password));
        let login = Login {
            operation,
            end_ns,
            giving,
            others,
        };
        match outcome {
            Outcome::Ok(_) => login.check_passed()?,
            Outcome::Failed(text) if text == reason::BAD_PASSWORD => login.check_refused()?,
            _ => {}
        }
    }
    Ok(())
}

/// A request that gives a user a password, or takes the user away; not one that was refused.
struct Change<'a> {
    user: &'a str,
    password: Option<u64>,
    operation: &'a Operation<'a>,
    /// When it was acknowledged, nanoseconds.
    acknowledged_ns: Option<u64>,
}

impl<'a> Change<'a> {
    fn of(operation: &'a Operation<'a>) -> Option<Self> {
        let Request::Auth(change) = operation.request else {
            return None;
        };
        let user = change
            .password_of()
            .filter(|_| operation.may_have_happened())?;
        let (AuthChange::UserAdd { password, .. } | AuthChange::UserPassword { password, .. }) =
            change
        else {
            return Some(Self::new(user, None, operation));
        };
        Some(Self::new(user, *password, operation))
    }

    fn new(user: &'a str, password: Option<u64>, operation: &'a Operation<'a>) -> Self {
        Self {
            user,
            password,
            operation,
            acknowledged_ns: operation.acknowledged().map(|(at_ns, _)| at_ns),
        }
    }

    /// Whether it was over before `at_ns`, and has no effect from then on.
    fn is_over_before(&self, at_ns: u64) -> bool {
        self.acknowledged_ns.is_some_and(|over_ns| over_ns < at_ns)
    }
}

/// A login, with the changes of its user that give its password, and the others.
struct Login<'a> {
    operation: &'a Operation<'a>,
    end_ns: u64,
    giving: Vec<&'a Change<'a>>,
    others: Vec<&'a Change<'a>>,
}

impl Login<'_> {
    /// The password has not been replaced for good before.
    fn check_passed(&self) -> Result<(), Finding> {
        let id = self.operation.id;
        if !self
            .giving
            .iter()
            .any(|change| change.operation.invoke_ns <= self.end_ns)
        {
            let text = format!("op{id} passed with a password that was never given");
            return Finding::err(text, self.operation.records());
        }
        let replaced = self.others.iter().find(|other| {
            other.is_over_before(self.operation.invoke_ns)
                && self
                    .giving
                    .iter()
                    .all(|change| change.is_over_before(other.operation.invoke_ns))
        });
        let Some(replaced) = replaced else {
            return Ok(());
        };
        let text = format!(
            "op{id} passed with a password that op{} had replaced",
            replaced.operation.id
        );
        let records = self.operation.records().into_iter();
        Finding::err(text, records.chain(replaced.operation.records()))
    }

    /// The password was not the present one all the time.
    fn check_refused(&self) -> Result<(), Finding> {
        let begin_ns = self.operation.invoke_ns;
        let standing = self.giving.iter().find(|change| {
            change.is_over_before(begin_ns)
                && self.others.iter().all(|other| {
                    other.is_over_before(change.operation.invoke_ns)
                        || other.operation.invoke_ns > self.end_ns
                })
        });
        let Some(standing) = standing else {
            return Ok(());
        };
        let text = format!(
            "op{} was refused with the password that op{} had given",
            self.operation.id, standing.operation.id
        );
        let records = self.operation.records().into_iter();
        Finding::err(text, records.chain(standing.operation.records()))
    }
}
