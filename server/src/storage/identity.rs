//! Whose data directory it is: written once, checked at every start.

use std::fmt;

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

/// Longest identity file that is looked at, bytes; the member's name is the only long thing in it.
const IDENTITY_BYTES_MAX: usize = 64 * 1024;

/// Where etcd keeps everything.
const ETCD_DIRECTORY: &str = "member";

/// Whose data it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The member.
    pub member_id: u64,
    /// Its cluster.
    pub cluster_id: u64,
    /// The member's name when the directory was made. Only to tell people; it may change.
    pub name: String,
}

impl Identity {
    /// Reads whose directory it is; `None` in an empty one. Fails if etcd's data is in it, or data
    /// that has lost its identity.
    pub async fn load(disk: &dyn Disk) -> Result<Option<Self>, StorageError> {
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

    /// Makes an empty directory this member's, or checks that it is. Durable on return.
    pub async fn establish(&self, disk: &dyn Disk) -> Result<(), StorageError> {
        let Some(found) = Self::load(disk).await? else {
            return file::replace(disk, IDENTITY_FILE, self.encode()).await;
        };
        if found.cluster_id != self.cluster_id {
            let (found, expected) = (found.cluster_id, self.cluster_id);
            return Err(StorageError::OtherCluster { found, expected });
        }
        if found.member_id != self.member_id {
            return Err(StorageError::OtherMember {
                found: found.member_id,
                found_name: found.name,
                expected: self.member_id,
            });
        }
        Ok(())
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
        let mut lines = text.lines();
        if lines.next() != Some(TITLE) {
            return Err(corrupt("not an identity file"));
        }
        let mut field = |name: &str| {
            lines
                .next()
                .and_then(|line| line.strip_prefix(name)?.strip_prefix(' '))
        };
        let missing = || corrupt("a line is missing");
        let format = field("format")
            .and_then(|value| value.parse().ok())
            .ok_or_else(missing)?;
        if format > FORMAT {
            let file = path.to_owned();
            return Err(StorageError::NewerFormat {
                file,
                found: format,
                known: FORMAT,
            });
        }
        let id = |value: &str| u64::from_str_radix(value, 16).ok();
        let member_id = field("member").and_then(id).ok_or_else(missing)?;
        let cluster_id = field("cluster").and_then(id).ok_or_else(missing)?;
        let name = field("name").ok_or_else(missing)?.to_owned();
        Ok(Self {
            member_id,
            cluster_id,
            name,
        })
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{TITLE}")?;
        writeln!(out, "format {FORMAT}")?;
        writeln!(out, "member {:016x}", self.member_id)?;
        writeln!(out, "cluster {:016x}", self.cluster_id)?;
        // One line, whatever the name contains.
        writeln!(out, "name {}", self.name.escape_default())
    }
}

#[cfg(test)]
#[cfg(not(madsim))]
mod tests {
    use super::*;
    use crate::storage::testing::{disk, run};

    fn infra1() -> Identity {
        Identity {
            member_id: 0x8211,
            cluster_id: 0xcdf8,
            name: "infra1".to_owned(),
        }
    }

    #[test]
    fn it_is_a_readable_text() {
        run(async {
            let disk = disk(1);
            infra1().establish(&disk).await.unwrap();
            let text = String::from_utf8(disk.content(IDENTITY_FILE).unwrap()).unwrap();
            assert_eq!(
                text,
                "quorate data directory\nformat 1\nmember 0000000000008211\n\
                 cluster 000000000000cdf8\nname infra1\ncrc a1bf7d7c\n"
            );
        });
    }

    #[test]
    fn it_outlives_a_crash_and_admits_nobody_else() {
        run(async {
            let disk = disk(1);
            assert_eq!(Identity::load(&disk).await.unwrap(), None);
            infra1().establish(&disk).await.unwrap();
            disk.crash();
            infra1().establish(&disk).await.unwrap();
            let renamed = Identity {
                name: "another\nname".to_owned(),
                ..infra1()
            };
            renamed.establish(&disk).await.unwrap();
            assert_eq!(Identity::load(&disk).await.unwrap(), Some(infra1()));

            let other_member = Identity {
                member_id: 7,
                ..infra1()
            };
            let error = other_member.establish(&disk).await.unwrap_err();
            assert!(
                matches!(error, StorageError::OtherMember { found: 0x8211, .. }),
                "{error}"
            );
            let other_cluster = Identity {
                cluster_id: 7,
                ..other_member
            };
            let error = other_cluster.establish(&disk).await.unwrap_err();
            assert!(
                matches!(error, StorageError::OtherCluster { found: 0xcdf8, .. }),
                "{error}"
            );
        });
    }

    #[test]
    fn foreign_data_is_not_taken_over() {
        run(async {
            for (name, expected) in [("member", "imported"), ("log-0000000000000001", "identity")] {
                let disk = disk(1);
                disk.open_file(name, true).unwrap();
                let error = infra1().establish(&disk).await.unwrap_err().to_string();
                assert!(error.contains(expected), "{error}");
            }
        });
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        run(async {
            let disk = disk(1);
            infra1().establish(&disk).await.unwrap();
            for offset in 0..disk.content(IDENTITY_FILE).unwrap().len() {
                disk.flip_bits(IDENTITY_FILE, offset, 4);
                let error = infra1().establish(&disk).await.unwrap_err();
                assert!(
                    matches!(error, StorageError::Corrupt { .. }),
                    "byte {offset}: {error}"
                );
                disk.flip_bits(IDENTITY_FILE, offset, 4);
            }
            infra1().establish(&disk).await.unwrap();
        });
    }

    #[test]
    fn a_crash_at_first_start_leaves_nothing_or_all() {
        run(async {
            for seed in 0..50 {
                let disk = disk(seed);
                let identity = infra1();
                let mut start = Box::pin(identity.establish(&disk));
                for _ in 0..seed % 6 {
                    let poll = std::future::poll_fn(|context| {
                        std::task::Poll::Ready(start.as_mut().poll(context).is_ready())
                    });
                    if poll.await {
                        break;
                    }
                }
                drop(start);
                disk.crash();
                identity.establish(&disk).await.expect("it starts again");
            }
        });
    }
}
