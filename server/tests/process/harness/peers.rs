//! The real etcd, where it can be had.

use std::{
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// etcd's own programs.
#[derive(Clone)]
pub(crate) struct Peers {
    pub(crate) etcd: PathBuf,
    pub(crate) etcdctl: PathBuf,
}

/// The programs that `ci/peers` finds or fetches. `None` where there are none, which is said in
/// one line that is seen though the test passes.
pub(crate) fn peers() -> Option<Peers> {
    static FOUND: OnceLock<Option<Peers>> = OnceLock::new();
    FOUND.get_or_init(find).clone()
}

fn find() -> Option<Peers> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ci/peers");
    let said = match Command::new(script).output() {
        Ok(output) => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        Err(error) => format!("skipped: no peer: ci/peers cannot be run: {error}"),
    };
    if said.is_empty() || said.starts_with("skipped") {
        // Past the capture of the test's output.
        let _ = writeln!(
            io::stderr(),
            "{}",
            if said.is_empty() {
                "skipped: no peer"
            } else {
                &said
            }
        );
        return None;
    }
    let directory = Path::new(&said);
    Some(Peers {
        etcd: directory.join("etcd"),
        etcdctl: directory.join("etcdctl"),
    })
}
