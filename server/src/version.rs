//! What the server calls itself.

/// The release of etcd whose behaviour is offered. Clients parse it and switch features by it.
pub const ETCD_VERSION: &str = "3.5.30";

/// Quorate's own release.
pub const QUORATE_VERSION: &str = env!("CARGO_PKG_VERSION");

/// The text of `--version`, in etcd's shape: tools read the first line.
pub fn text() -> String {
    format!(
        "etcd Version: {ETCD_VERSION}\n\
         Git SHA: {sha}\n\
         Rust Version: {rust}\n\
         OS/Arch: {os}/{arch}\n\
         Quorate Version: {QUORATE_VERSION}\n",
        sha = option_env!("QUORATE_GIT_SHA").unwrap_or("Not provided"),
        rust = env!("CARGO_PKG_RUST_VERSION"),
        os = std::env::consts::OS,
        arch = go_arch(std::env::consts::ARCH),
    )
}

/// The name that Go, and so etcd's tooling, has for an architecture.
fn go_arch(arch: &str) -> &str {
    match arch {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "powerpc64" => "ppc64",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_is_etcds() {
        let text = text();
        assert_eq!(text.lines().next(), Some("etcd Version: 3.5.30"));
        assert_eq!(text.lines().count(), 5);
        assert!(text.ends_with(&format!("Quorate Version: {QUORATE_VERSION}\n")));
    }
}
