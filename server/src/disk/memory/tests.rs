//! What a power failure undoes, and what survives that a directory is taken away.

use bytes::Bytes;

use super::MemoryDisk;

/// A disk that keeps nothing that is not synced.
fn forgetful() -> MemoryDisk {
    MemoryDisk::new(|_| 0)
}

/// A file with synced content, under a name that is not synced.
fn write(disk: &MemoryDisk, name: &str, content: &'static str) {
    let file = disk.open_file(name, true).unwrap();
    file.write(0, Bytes::from_static(content.as_bytes()))
        .unwrap();
    file.finish_sync(file.begin_sync()).unwrap();
}

fn sync_names(disk: &MemoryDisk) {
    disk.finish_sync_names(disk.begin_sync_names()).unwrap();
}

#[test]
fn a_name_is_lost_unless_the_directory_was_synced() {
    let disk = forgetful();
    write(&disk, "a", "a");
    disk.crash();
    assert!(disk.names().is_empty(), "its content alone was synced");
    write(&disk, "a", "a");
    sync_names(&disk);
    disk.crash();
    assert_eq!(disk.content("a").unwrap(), b"a");
}

#[test]
fn a_rename_is_undone_unless_the_directory_was_synced() {
    let disk = forgetful();
    write(&disk, "old", "old");
    write(&disk, "new.tmp", "new");
    sync_names(&disk);
    disk.rename_file("new.tmp", "old").unwrap();
    assert_eq!(disk.content("old").unwrap(), b"new");
    disk.crash();
    assert_eq!(disk.names(), ["new.tmp", "old"]);
    assert_eq!(disk.content("old").unwrap(), b"old");
    disk.rename_file("new.tmp", "old").unwrap();
    sync_names(&disk);
    disk.crash();
    assert_eq!(disk.names(), ["old"]);
    assert_eq!(disk.content("old").unwrap(), b"new");
}

#[test]
fn names_survive_in_the_order_in_which_they_were_changed() {
    // Two of three changes are kept.
    let disk = MemoryDisk::new(|below| below.min(3) - 1);
    for name in ["a", "b", "c"] {
        write(&disk, name, "");
    }
    disk.crash();
    assert_eq!(disk.names(), ["a", "b"]);
}

#[test]
fn what_is_taken_away_can_be_put_back_and_is_durable() {
    let disk = forgetful();
    write(&disk, "a", "old");
    sync_names(&disk);
    disk.crash();
    let files = disk.take_away();
    assert!(disk.names().is_empty());
    write(&disk, "a", "new");
    write(&disk, "b", "new");
    sync_names(&disk);
    let open = disk.open_file("b", false).unwrap();
    disk.put_back(files);
    open.length().expect_err("its disk is gone");
    disk.crash();
    assert_eq!(disk.names(), ["a"]);
    assert_eq!(disk.content("a").unwrap(), b"old");
}
