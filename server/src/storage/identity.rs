//! Whose data directory it is: written before anything else, checked at every start.

use std::{collections::BTreeMap, fmt};

use bytes::Bytes;

use crate::disk::Disk;

use super::{
    error::{Context, StorageError},
    file,
};

/// A text file, so that an operator can read it.
const IDENTITY_FILE: &str = "identity";

const TITLE: &str = "quorate data directory";
const FORMAT: u32 = 1;

/// What the file says of a member's standing in its cluster.
const IS_MEMBER: &str = "member";
const IS_WAITING: &str = "waiting";

/// Longest identity file that is looked at, bytes; the member's name is the only long thing in it.
const IDENTITY_BYTES_MAX: usize = 64 * 1024;

/// Where etcd keeps everything.
const ETCD_DIRECTORY: &str = "member";

/// Who a member is, by its configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The member.
    pub member_id: u64,
    /// Its cluster.
    pub cluster_id: u64,
    /// The member's name when the directory was made. Only to tell people; it may change.
    pub name: String,
}

/// Whose data it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The member.
    pub owner: Owner,
    /// The directory's own number, random: not that of an earlier directory of this member, which
    /// may have held votes that this one knows nothing of. Never 0.
    pub instance: u64,
    /// Whether the member has been let into its cluster. Until then it has taken part in nothing,
    /// and its directory holds nothing else.
    pub is_member: bool,
    /// Members that founded the cluster together with this one, and their directories' numbers.
    /// The state may not name them yet.
    pub founders: BTreeMap<u64, u64>,
}

impl Identity {
    /// Reads whose directory it is; `None` in an empty one. Fails if etcd's data is in it, or data
    /// that has lost its identity.
    pub(super) async fn load(disk: &dyn Disk) -> Result<Option<Self>, StorageError> {
        if let Some(content) = file::read(disk, IDENTITY_FILE, IDENTITY_BYTES_MAX).await? {
            return Self::decode(&disk.path(IDENTITY_FILE), &content).map(Some);
        }
        let directory = disk.path("");
        for name in disk.list().await.context("list", &directory)? {
            if name == ETCD_DIRECTORY {
                return Err(StorageError::EtcdDirectory(disk.path(ETCD_DIRECTORY)));
            }
            if super::is_data(&name) {
                let (file, data) = (disk.path(IDENTITY_FILE), disk.path(&name));
                return Err(StorageError::IdentityMissing { file, data });
            }
        }
        Ok(None)
    }

    /// Makes an empty directory `owner`'s, with this number, or checks that it is. A directory
    /// whose member was never let into its cluster counts as empty for another one. Durable on
    /// return.
    pub(super) async fn claim(
        disk: &dyn Disk,
        owner: &Owner,
        instance: u64,
    ) -> Result<Self, StorageError> {
        let found = Self::load(disk).await?;
        let Some(found) = found.filter(|found| found.is_member || found.is_of(owner)) else {
            let claimed = Self {
                owner: owner.clone(),
                instance: instance.max(1),
                is_member: false,
                founders: BTreeMap::new(),
            };
            claimed.write(disk).await?;
            return Ok(claimed);
        };
        if found.owner.cluster_id != owner.cluster_id {
            let (found, expected) = (found.owner.cluster_id, owner.cluster_id);
            return Err(StorageError::OtherCluster { found, expected });
        }
        if found.owner.member_id != owner.member_id {
            return Err(StorageError::OtherMember {
                found: found.owner.member_id,
                found_name: found.owner.name,
                expected: owner.member_id,
            });
        }
        Ok(found)
    }

    /// Durable on return.
    pub(super) async fn write(&self, disk: &dyn Disk) -> Result<(), StorageError> {
        file::replace(disk, IDENTITY_FILE, self.encode()).await
    }

    fn is_of(&self, owner: &Owner) -> bool {
        let ids = |owner: &Owner| (owner.cluster_id, owner.member_id);
        ids(&self.owner) == ids(owner)
    }

    fn encode(&self) -> Bytes {
        let text = self.to_string();
        format!("{text}crc {:08x}\n", crc32c::crc32c(text.as_bytes())).into()
    }

    fn decode(path: &str, content: &[u8]) -> Result<Self, StorageError> {
        let corrupt = |cause: &str| StorageError::Corrupt {
            file: path.to_owned(),
            offset: 0,
            cause: cause.to_owned(),
        };
        let text = str::from_utf8(content).map_err(|_| corrupt("not a text"))?;
        let checked = text
            .rfind("crc ")
            .ok_or_else(|| corrupt("the checksum is missing"))?;
        let crc = crc32c::crc32c(&content[..checked]);
        if text[checked..] != format!("crc {crc:08x}\n") {
            return Err(corrupt("it fails its checksum"));
        }
        let mut lines = Lines(text[..checked].lines());
        if lines.0.next() != Some(TITLE) {
            return Err(corrupt("not an identity file"));
        }
        let missing = || corrupt("a line is missing");
        let format = lines.field("format").and_then(|value| value.parse().ok());
        let format = format.ok_or_else(missing)?;
        if format > FORMAT {
            let file = path.to_owned();
            return Err(StorageError::NewerFormat {
                file,
                found: format,
                known: FORMAT,
            });
        }
        lines.identity().ok_or_else(missing)
    }
}

/// What is left of a file.
struct Lines<'a>(std::str::Lines<'a>);

impl<'a> Lines<'a> {
    /// The value of the next line, which has to begin with this word.
    fn field(&mut self, name: &str) -> Option<&'a str> {
        self.0.next()?.strip_prefix(name)?.strip_prefix(' ')
    }

    fn number(&mut self, name: &str) -> Option<u64> {
        u64::from_str_radix(self.field(name)?, 16).ok()
    }

    fn identity(mut self) -> Option<Identity> {
        let (member_id, cluster_id) = (self.number("member")?, self.number("cluster")?);
        let name = self.field("name")?.to_owned();
        let instance = self.number("instance")?;
        let is_member = match self.field("standing")? {
            IS_MEMBER => true,
            IS_WAITING => false,
            _ => return None,
        };
        let mut founders = BTreeMap::new();
        for line in self.0 {
            let (id, instance) = line.strip_prefix("founder ")?.split_once(' ')?;
            let number = |digits| u64::from_str_radix(digits, 16).ok();
            founders.insert(number(id)?, number(instance)?);
        }
        Some(Identity {
            owner: Owner {
                member_id,
                cluster_id,
                name,
            },
            instance,
            is_member,
            founders,
        })
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{TITLE}")?;
        writeln!(out, "format {FORMAT}")?;
        writeln!(out, "member {:016x}", self.owner.member_id)?;
        writeln!(out, "cluster {:016x}", self.owner.cluster_id)?;
        // One line, whatever the name contains.
        writeln!(out, "name {}", self.owner.name.escape_default())?;
        writeln!(out, "instance {:016x}", self.instance)?;
        let standing = if self.is_member {
            IS_MEMBER
        } else {
            IS_WAITING
        };
        writeln!(out, "standing {standing}")?;
        self.founders
            .iter()
            .try_for_each(|(id, instance)| writeln!(out, "founder {id:016x} {instance:016x}"))
    }
}

#[cfg(test)]
#[cfg(not(madsim))]
mod tests;
