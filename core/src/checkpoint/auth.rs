//! The records of alarms, users and roles.
//!
//! ```text
//! records = alarm*, [auth head, (user, user role*)*, (role, permission*)*]
//! ```
//!
//! Alarms, users, roles and what belongs to each ascend. The auth head is written once there was a
//! change: without one there is nobody to write.

use std::ops::Bound;

use super::tag;
use crate::{
    alarm::AlarmSet,
    auth::{
        Permission,
        role::Role,
        table::{AuthTable, FIRST_REVISION, User},
    },
    codec::{
        DecodeError, decode_alarm, decode_credential, decode_permission, encode_alarm,
        encode_credential, encode_permission,
        wire::{Reader, put_bytes, put_flags, put_u64},
    },
    planted::{Bug, is_planted},
};

/// Where writing goes on. A name comes with the number of its records that are written.
#[derive(Debug)]
pub(super) enum Next {
    Users(Bound<String>, usize),
    Roles(Bound<String>, usize),
}

/// Appends all alarms.
pub(super) fn write_alarms(alarms: &AlarmSet, out: &mut Vec<u8>) {
    for alarm in alarms.iter() {
        out.push(tag::ALARM);
        encode_alarm(alarm, out);
    }
}

/// Appends the head. Gives where to go on, `None` for no further.
pub(super) fn write_head(auth: &AuthTable, out: &mut Vec<u8>) -> Option<Next> {
    if auth.revision() == FIRST_REVISION {
        return None;
    }
    out.push(tag::AUTH);
    put_flags(out, [auth.enabled()]);
    put_u64(out, auth.revision());
    Some(Next::Users(Bound::Unbounded, 0))
}

/// Appends records until the chunk has `chunk_bytes`. Gives where to go on, `None` if all are
/// written.
pub(super) fn write(
    auth: &AuthTable,
    next: Next,
    chunk_bytes: usize,
    out: &mut Vec<u8>,
) -> Option<Next> {
    match next {
        Next::Users(from, skip) => Some(write_users(auth, (&from, skip), chunk_bytes, out)),
        Next::Roles(from, skip) => write_roles(auth, (&from, skip), chunk_bytes, out),
    }
}

fn write_users(
    auth: &AuthTable,
    (from, mut skip): (&Bound<String>, usize),
    chunk_bytes: usize,
    out: &mut Vec<u8>,
) -> Next {
    for (name, user) in auth.users(from.as_ref().map(String::as_str)) {
        for position in skip..=user.roles.len() {
            match position.checked_sub(1) {
                None => {
                    out.push(tag::USER);
                    put_bytes(out, name.as_bytes());
                    encode_credential(&user.credential, out);
                }
                Some(role) => {
                    out.push(tag::USER_ROLE);
                    put_bytes(out, user.roles[role].as_bytes());
                }
            }
            if out.len() >= chunk_bytes {
                return Next::Users(Bound::Included(name.to_owned()), position + 1);
            }
        }
        skip = 0;
    }
    Next::Roles(Bound::Unbounded, 0)
}

fn write_roles(
    auth: &AuthTable,
    (from, mut skip): (&Bound<String>, usize),
    chunk_bytes: usize,
    out: &mut Vec<u8>,
) -> Option<Next> {
    for (name, role) in auth.roles(from.as_ref().map(String::as_str)) {
        for position in skip..=role.permissions().len() {
            match position.checked_sub(1) {
                None => {
                    out.push(tag::ROLE);
                    put_bytes(out, name.as_bytes());
                }
                Some(permission) => {
                    out.push(tag::PERMISSION);
                    encode_permission(&role.permissions()[permission], out);
                }
            }
            if out.len() >= chunk_bytes {
                return Some(Next::Roles(Bound::Included(name.to_owned()), position + 1));
            }
        }
        skip = 0;
    }
    None
}

/// Reads the records.
#[derive(Debug)]
pub(super) struct AuthReader {
    alarms: AlarmSet,
    auth: AuthTable,
    /// The user whose roles are being read.
    user: Option<(String, User)>,
    /// The role whose permissions are being read.
    role: Option<(String, Vec<Permission>)>,
}

impl AuthReader {
    /// Before the first record.
    pub(super) fn new() -> Self {
        Self {
            alarms: AlarmSet::default(),
            auth: AuthTable::new(),
            user: None,
            role: None,
        }
    }

    /// Reads one record. The caller sees to the order of their sorts.
    pub(super) fn read(&mut self, tag: u8, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
        match tag {
            tag::ALARM => self.read_alarm(reader),
            tag::AUTH => self.read_head(reader),
            tag::USER => self.read_user(reader),
            tag::USER_ROLE => self.read_user_role(reader),
            tag::ROLE => self.read_role(reader),
            tag::PERMISSION => self.read_permission(reader),
            tag => Err(DecodeError::Tag {
                what: "auth record",
                tag,
            }),
        }
    }

    /// What was read, once it was checked as a whole.
    pub(super) fn finish(mut self) -> Result<(AlarmSet, AuthTable), DecodeError> {
        self.finish_user()?;
        self.finish_role()?;
        self.auth.invariants().map_err(DecodeError::Inconsistent)?;
        Ok((self.alarms, self.auth))
    }

    fn read_alarm(&mut self, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
        if self.alarms.restore(decode_alarm(reader)?) {
            Ok(())
        } else {
            Err(DecodeError::Inconsistent("alarms do not ascend"))
        }
    }

    fn read_head(&mut self, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
        let [enabled] = reader.flags()?;
        let revision = reader.u64()?;
        // Far below the greatest number: no number of further changes reaches it.
        if !(FIRST_REVISION + 1..=u64::MAX / 2).contains(&revision) {
            return Err(DecodeError::Bounds("auth revision"));
        }
        let lost = is_planted(Bug::AuthRevisionLost);
        self.auth = AuthTable::restore(
            enabled && !is_planted(Bug::AuthOffAfterRestore),
            revision - u64::from(lost),
        );
        Ok(())
    }

    fn read_user(&mut self, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
        self.finish_user()?;
        let name = reader.string()?;
        let user = User {
            credential: decode_credential(reader)?,
            roles: Vec::new(),
        };
        self.user = Some((name, user));
        Ok(())
    }

    fn read_user_role(&mut self, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
        let Some((_, user)) = &mut self.user else {
            return Err(DecodeError::Inconsistent("a granted role has no user"));
        };
        user.roles.push(reader.string()?);
        Ok(())
    }

    fn read_role(&mut self, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
        self.finish_role()?;
        self.role = Some((reader.string()?, Vec::new()));
        Ok(())
    }

    fn read_permission(&mut self, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
        let Some((_, permissions)) = &mut self.role else {
            return Err(DecodeError::Inconsistent("a permission has no role"));
        };
        permissions.push(decode_permission(reader)?);
        Ok(())
    }

    fn finish_user(&mut self) -> Result<(), DecodeError> {
        let mut last = self.user.take().into_iter();
        if last.all(|(name, user)| self.auth.restore_user(name, user)) {
            Ok(())
        } else {
            Err(DecodeError::Inconsistent("users do not ascend"))
        }
    }

    fn finish_role(&mut self) -> Result<(), DecodeError> {
        let last = self.role.take();
        let mut last = last.into_iter().map(|(name, all)| (name, Role::new(all)));
        if last.all(|(name, role)| self.auth.restore_role(name, role)) {
            Ok(())
        } else {
            Err(DecodeError::Inconsistent("roles do not ascend"))
        }
    }
}

#[cfg(test)]
mod tests;
