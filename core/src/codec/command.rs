//! Commands. The tags are permanent.

use bytes::Bytes;

use super::{
    DecodeError,
    auth::{
        decode_alarm, decode_alarm_action, decode_auth, encode_alarm, encode_alarm_action,
        encode_auth,
    },
    request::{
        decode_delete_range, decode_put, decode_txn, encode_delete_range, encode_put, encode_txn,
    },
    wire::{Reader, put_bytes, put_i64, put_len, put_u64},
};
use crate::{
    auth::{AuthRequest, Author},
    command::{Command, MemberAttributes, Renewal},
    kv::LeaseId,
    limits::{LEASE_BATCH_MAX, TXN_DEPTH_MAX},
    request::{DeleteRangeRequest, PutRequest, TxnRequest},
    validate::Valid,
};

const MEMBER: u8 = 0;
const ANONYMOUS: u8 = 1;
const USER: u8 = 2;

const PUT: u8 = 1;
const DELETE_RANGE: u8 = 2;
const TXN: u8 = 3;
const COMPACT: u8 = 4;
const LEASE_GRANT: u8 = 5;
const LEASE_REVOKE: u8 = 6;
const LEASE_RENEW: u8 = 7;
const LEASE_EXPIRE: u8 = 8;
const MEMBER_ATTRIBUTES: u8 = 9;
const CLUSTER_VERSION: u8 = 10;
const ALARM: u8 = 11;
const AUTH: u8 = 12;
const AUTHENTICATE: u8 = 13;

/// Appends the encoding of a command and of who asks.
pub fn encode_command(author: &Author, command: &Command, out: &mut Vec<u8>) {
    encode_author(author, out);
    match command {
        Command::Put(request) => {
            out.push(PUT);
            encode_put(request, out);
        }
        Command::DeleteRange(request) => {
            out.push(DELETE_RANGE);
            encode_delete_range(request, out);
        }
        Command::Txn(request) => {
            out.push(TXN);
            encode_txn(request, out);
        }
        Command::Compact { revision } => {
            out.push(COMPACT);
            put_i64(out, *revision);
        }
        Command::LeaseGrant { id, ttl_s } => {
            out.push(LEASE_GRANT);
            put_i64(out, id.get());
            put_i64(out, *ttl_s);
        }
        Command::LeaseRevoke { id } => {
            out.push(LEASE_REVOKE);
            put_i64(out, id.get());
        }
        Command::LeaseRenew { renewals } => {
            out.push(LEASE_RENEW);
            encode_renewals(renewals, out);
        }
        Command::LeaseExpire { term, ids } => {
            out.push(LEASE_EXPIRE);
            put_u64(out, *term);
            put_len(out, ids.len());
            ids.iter().for_each(|id| put_i64(out, id.get()));
        }
        Command::Alarm { action, alarm } => {
            out.push(ALARM);
            encode_alarm_action(*action, out);
            encode_alarm(*alarm, out);
        }
        Command::Auth(request) => {
            out.push(AUTH);
            encode_auth(request, out);
        }
        Command::Authenticate {
            user,
            auth_revision,
            secret,
        } => {
            out.push(AUTHENTICATE);
            put_bytes(out, user.as_bytes());
            put_u64(out, *auth_revision);
            put_bytes(out, secret.as_bytes());
        }
        Command::MemberAttributes(attributes) => {
            out.push(MEMBER_ATTRIBUTES);
            encode_member(attributes, out);
        }
        Command::ClusterVersion { version } => {
            out.push(CLUSTER_VERSION);
            put_bytes(out, version.as_bytes());
        }
    }
}

fn encode_renewals(renewals: &[Renewal], out: &mut Vec<u8>) {
    put_len(out, renewals.len());
    for renewal in renewals {
        put_i64(out, renewal.id.get());
        put_u64(out, renewal.renewed_at_ms);
    }
}

/// Reads a command and who asks, and checks all that does not depend on state. The bound on the
/// operations of a transaction is a matter of configuration, so only the member that proposes it
/// checks that.
///
/// # Errors
///
/// Any [`DecodeError`] but those of checkpoints.
pub fn decode_command(encoded: &Bytes) -> Result<(Author, Command), DecodeError> {
    let mut reader = Reader::sharing(encoded);
    let author = decode_author(&mut reader)?;
    let command = read_command(&mut reader)?;
    reader.finish()?;
    Ok((author, command))
}

fn encode_author(author: &Author, out: &mut Vec<u8>) {
    match author {
        Author::Member => out.push(MEMBER),
        Author::Anonymous => out.push(ANONYMOUS),
        Author::User {
            name,
            auth_revision,
        } => {
            out.push(USER);
            put_bytes(out, name.as_bytes());
            put_u64(out, *auth_revision);
        }
    }
}

fn decode_author(reader: &mut Reader<'_>) -> Result<Author, DecodeError> {
    Ok(match reader.u8()? {
        MEMBER => Author::Member,
        ANONYMOUS => Author::Anonymous,
        USER => Author::User {
            name: reader.string()?,
            auth_revision: reader.u64()?,
        },
        tag => {
            return Err(DecodeError::Tag {
                what: "author",
                tag,
            });
        }
    })
}

fn read_command(reader: &mut Reader<'_>) -> Result<Command, DecodeError> {
    Ok(match reader.u8()? {
        PUT => Command::Put(Valid::<PutRequest>::check(decode_put(reader)?)?),
        DELETE_RANGE => Command::DeleteRange(Valid::<DeleteRangeRequest>::check(
            decode_delete_range(reader)?,
        )?),
        TXN => {
            let request = decode_txn(reader, TXN_DEPTH_MAX)?;
            Command::Txn(Valid::<TxnRequest>::check(request, usize::MAX)?)
        }
        COMPACT => Command::Compact {
            revision: reader.i64()?,
        },
        LEASE_GRANT => Command::LeaseGrant {
            id: decode_lease_id(reader)?,
            ttl_s: reader.i64()?,
        },
        LEASE_REVOKE => Command::LeaseRevoke {
            id: decode_lease_id(reader)?,
        },
        LEASE_RENEW => Command::LeaseRenew {
            renewals: decode_batch(reader, |reader| {
                Ok(Renewal {
                    id: decode_lease_id(reader)?,
                    renewed_at_ms: reader.u64()?,
                })
            })?,
        },
        LEASE_EXPIRE => Command::LeaseExpire {
            term: reader.u64()?,
            ids: decode_batch(reader, decode_lease_id)?,
        },
        MEMBER_ATTRIBUTES => Command::MemberAttributes(decode_member(reader)?),
        CLUSTER_VERSION => Command::ClusterVersion {
            version: reader.string()?,
        },
        ALARM => Command::Alarm {
            action: decode_alarm_action(reader)?,
            alarm: decode_alarm(reader)?,
        },
        AUTH => Command::Auth(Valid::<AuthRequest>::check(decode_auth(reader)?)?),
        AUTHENTICATE => Command::Authenticate {
            user: reader.string()?,
            auth_revision: reader.u64()?,
            secret: reader.string()?,
        },
        tag => {
            return Err(DecodeError::Tag {
                what: "command",
                tag,
            });
        }
    })
}

/// Reads a lease's id.
pub(crate) fn decode_lease_id(reader: &mut Reader<'_>) -> Result<LeaseId, DecodeError> {
    LeaseId::new(reader.i64()?).ok_or(DecodeError::Bounds("lease id"))
}

fn decode_batch<T>(
    reader: &mut Reader<'_>,
    element: impl FnMut(&mut Reader<'_>) -> Result<T, DecodeError>,
) -> Result<Vec<T>, DecodeError> {
    let batch = reader.list(element)?;
    if batch.len() > LEASE_BATCH_MAX {
        return Err(DecodeError::Bounds("lease batch"));
    }
    Ok(batch)
}

/// Appends a member's attributes.
pub(crate) fn encode_member(attributes: &MemberAttributes, out: &mut Vec<u8>) {
    put_u64(out, attributes.member_id);
    put_bytes(out, attributes.name.as_bytes());
    put_len(out, attributes.client_urls.len());
    for url in &attributes.client_urls {
        put_bytes(out, url.as_bytes());
    }
    put_u64(out, attributes.instance);
}

/// Reads a member's attributes.
pub(crate) fn decode_member(reader: &mut Reader<'_>) -> Result<MemberAttributes, DecodeError> {
    Ok(MemberAttributes {
        member_id: reader.u64()?,
        name: reader.string()?,
        client_urls: reader.list(Reader::string)?,
        instance: reader.u64()?,
    })
}
