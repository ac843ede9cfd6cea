use super::*;
use crate::storage::testing::{disk, run};

fn infra1() -> Owner {
    Owner {
        member_id: 0x8211,
        cluster_id: 0xcdf8,
        name: "infra1".to_owned(),
    }
}

/// Lets the member into its cluster.
async fn let_in(disk: &dyn Disk) -> Identity {
    let mut identity = Identity::claim(disk, &infra1(), 0x51).await.unwrap();
    identity.is_member = true;
    identity.founders = BTreeMap::from([(0x8212, 0x52)]);
    identity.write(disk).await.unwrap();
    identity
}

#[test]
fn it_is_a_readable_text() {
    run(async {
        let disk = disk(1);
        let_in(&disk).await;
        let text = String::from_utf8(disk.content(IDENTITY_FILE).unwrap()).unwrap();
        let expected = "quorate data directory\nformat 1\nmember 0000000000008211\n\
             cluster 000000000000cdf8\nname infra1\ninstance 0000000000000051\n\
             standing member\nfounder 0000000000008212 0000000000000052\n";
        let crc = crc32c::crc32c(expected.as_bytes());
        assert_eq!(text, format!("{expected}crc {crc:08x}\n"));
    });
}

#[test]
fn it_outlives_a_crash_and_admits_nobody_else() {
    run(async {
        let disk = disk(1);
        assert_eq!(Identity::load(&disk).await.unwrap(), None);
        let identity = let_in(&disk).await;
        disk.crash();
        let renamed = Owner {
            name: "another\nname".to_owned(),
            ..infra1()
        };
        let found = Identity::claim(&disk, &renamed, 0x99).await.unwrap();
        assert_eq!(found, identity);

        let other_member = Owner {
            member_id: 7,
            ..infra1()
        };
        let error = Identity::claim(&disk, &other_member, 1).await.unwrap_err();
        assert!(
            matches!(error, StorageError::OtherMember { found: 0x8211, .. }),
            "{error}"
        );
        let other_cluster = Owner {
            cluster_id: 7,
            ..other_member
        };
        let error = Identity::claim(&disk, &other_cluster, 1).await.unwrap_err();
        assert!(
            matches!(error, StorageError::OtherCluster { found: 0xcdf8, .. }),
            "{error}"
        );
    });
}

#[test]
fn who_still_waits_keeps_the_number_and_blocks_nobody() {
    run(async {
        let disk = disk(1);
        let first = Identity::claim(&disk, &infra1(), 0).await.unwrap();
        assert_eq!((first.instance, first.is_member), (1, false));
        disk.crash();
        assert_eq!(Identity::claim(&disk, &infra1(), 5).await.unwrap(), first);
        let other = Owner {
            member_id: 7,
            ..infra1()
        };
        let theirs = Identity::claim(&disk, &other, 5).await.unwrap();
        assert_eq!((&theirs.owner, theirs.instance), (&other, 5));
    });
}

#[test]
fn foreign_data_is_not_taken_over() {
    run(async {
        for (name, expected) in [("member", "imported"), ("log-0000000000000001", "identity")] {
            let disk = disk(1);
            disk.open_file(name, true).unwrap();
            let error = Identity::claim(&disk, &infra1(), 1).await.unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
        }
    });
}

#[test]
fn every_flipped_bit_is_noticed() {
    run(async {
        let disk = disk(1);
        let identity = let_in(&disk).await;
        for offset in 0..disk.content(IDENTITY_FILE).unwrap().len() {
            disk.flip_bits(IDENTITY_FILE, offset, 4);
            let error = Identity::load(&disk).await.unwrap_err();
            assert!(
                matches!(error, StorageError::Corrupt { .. }),
                "byte {offset}: {error}"
            );
            disk.flip_bits(IDENTITY_FILE, offset, 4);
        }
        assert_eq!(Identity::load(&disk).await.unwrap(), Some(identity));
    });
}

#[test]
fn a_crash_at_first_start_leaves_nothing_or_all() {
    run(async {
        for seed in 0..50 {
            let disk = disk(seed);
            let owner = infra1();
            let mut start = Box::pin(Identity::claim(&disk, &owner, 3));
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
            Identity::claim(&disk, &owner, 4)
                .await
                .expect("it starts again");
        }
    });
}
