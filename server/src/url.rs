//! The URLs of a member: `http://host:port` and nothing behind it, checked as etcd checks them.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

/// A peer or client URL. Its text is kept as it was written, since member ids are hashes over it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Url {
    text: String,
    scheme: Scheme,
    /// Without the brackets of an IPv6 address.
    host: String,
    port: u16,
}

/// How a URL is to be spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    /// Plain text.
    Http,
    /// TLS.
    Https,
}

/// Why a text is not a URL for a member. The texts are etcd's where it has one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// No scheme, or one that no member speaks.
    #[error("URL scheme must be http, https, unix, or unixs: {0}")]
    Scheme(String),
    /// A Unix socket.
    #[error("URLs of Unix sockets are not supported yet: {0}")]
    Unix(String),
    /// No port, or no brackets around an IPv6 address.
    #[error(r#"URL address does not have the form "host:port": {0}"#)]
    HostPort(String),
    /// A port that is not a number below 65536.
    #[error("URL has an invalid port: {0}")]
    Port(String),
    /// A path, be it only a slash.
    #[error("URL must not contain a path: {0}")]
    Path(String),
    /// A user, a query, a fragment, or a character that no host has.
    #[error("URL must be a scheme, a host and a port, nothing else: {0}")]
    Extra(String),
    /// A listen URL with a name: names are for others to resolve.
    #[error("expected IP in URL for binding ({0})")]
    BindByName(String),
    /// An advertised URL that names no host.
    #[error("unexpected empty host ({0})")]
    EmptyHost(String),
}

impl Url {
    /// Reads `scheme://host:port`. The host may be empty: [`Url::bind_addr`] and
    /// [`Url::require_host`] refuse that where it matters, each in etcd's words.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let text = text.trim();
        let (scheme, rest) = text
            .split_once("://")
            .ok_or_else(|| UrlError::Scheme(text.to_owned()))?;
        let (scheme, scheme_text) = match scheme.to_ascii_lowercase().as_str() {
            "http" => (Scheme::Http, "http"),
            "https" => (Scheme::Https, "https"),
            "unix" | "unixs" => return Err(UrlError::Unix(text.to_owned())),
            _ => return Err(UrlError::Scheme(text.to_owned())),
        };
        let authority = match rest.find(['/', '?', '#']) {
            None => rest,
            Some(end) => {
                split_host_port(text, &rest[..end])?;
                return Err(if rest[end..].starts_with('/') {
                    UrlError::Path(text.to_owned())
                } else {
                    UrlError::Extra(text.to_owned())
                });
            }
        };
        let (host, port) = split_host_port(text, authority)?;
        if !host.chars().all(is_host_character) {
            return Err(UrlError::Extra(text.to_owned()));
        }
        let port = parse_port(port).ok_or_else(|| UrlError::Port(text.to_owned()))?;
        Ok(Self {
            text: format!("{scheme_text}://{authority}"),
            scheme,
            host: host.to_owned(),
            port,
        })
    }

    /// The URL as it was written, with its scheme in lower case.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Plain or TLS.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// An address or a name, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port; 0 lets the system choose one.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `host:port` as it was written: what a connection is dialled to.
    pub fn authority(&self) -> &str {
        self.text
            .split_once("://")
            .map_or("", |(_, authority)| authority)
    }

    /// The address to listen on: the host must be an IP address or `localhost`.
    pub fn bind_addr(&self) -> Result<SocketAddr, UrlError> {
        self.known_ip()
            .map(|ip| SocketAddr::new(ip, self.port))
            .ok_or_else(|| UrlError::BindByName(self.text.clone()))
    }

    /// Refuses a URL that others could not dial because it names no host.
    pub fn require_host(&self) -> Result<(), UrlError> {
        if self.host.is_empty() {
            Err(UrlError::EmptyHost(self.text.clone()))
        } else {
            Ok(())
        }
    }

    /// Whether both lead to one place as far as that is known without asking a name server.
    pub fn is_equivalent(&self, other: &Self) -> bool {
        let same_host = match (self.known_ip(), other.known_ip()) {
            (Some(one), Some(another)) => one == another,
            (None, None) => self.host.eq_ignore_ascii_case(&other.host),
            _ => false,
        };
        same_host && self.scheme == other.scheme && self.port == other.port
    }

    fn known_ip(&self) -> Option<IpAddr> {
        if self.host == "localhost" {
            return Some(IpAddr::V4(Ipv4Addr::LOCALHOST));
        }
        self.host.parse().ok()
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Splits at the last colon; an IPv6 address must be in brackets, which are taken off.
fn split_host_port<'a>(text: &str, authority: &'a str) -> Result<(&'a str, &'a str), UrlError> {
    let parts = match authority.strip_prefix('[') {
        Some(bracketed) => bracketed
            .split_once("]:")
            .filter(|(host, _)| host.parse::<std::net::Ipv6Addr>().is_ok()),
        None => authority
            .rsplit_once(':')
            .filter(|(host, _)| !host.contains(':')),
    };
    parts.ok_or_else(|| UrlError::HostPort(text.to_owned()))
}

fn is_host_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':')
}

/// Decimal digits only: `u16::from_str` would also take a plus sign.
fn parse_port(digits: &str) -> Option<u16> {
    digits
        .bytes()
        .all(|digit| digit.is_ascii_digit())
        .then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_keeps_its_text_and_shows_its_parts() {
        let url = Url::parse(" HTTP://Etcd-0.example:2380 ").unwrap();
        assert_eq!(url.as_str(), "http://Etcd-0.example:2380");
        assert_eq!((url.host(), url.port()), ("Etcd-0.example", 2380));
        assert_eq!(url.authority(), "Etcd-0.example:2380");
        assert_eq!(url.scheme(), Scheme::Http);
        let six = Url::parse("https://[::1]:2379").unwrap();
        assert_eq!((six.host(), six.authority()), ("::1", "[::1]:2379"));
        assert_eq!(six.scheme(), Scheme::Https);
    }

    #[test]
    fn malformed_urls_are_refused_in_etcds_words() {
        let cases = [
            ("foo", "URL scheme must be http, https, unix, or unixs: foo"),
            ("", "URL scheme must be http, https, unix, or unixs: "),
            (
                "ftp://127.0.0.1:1",
                "URL scheme must be http, https, unix, or unixs: ftp://127.0.0.1:1",
            ),
            (
                "http://127.0.0.1",
                r#"URL address does not have the form "host:port": http://127.0.0.1"#,
            ),
            (
                "http://127.0.0.1/",
                r#"URL address does not have the form "host:port": http://127.0.0.1/"#,
            ),
            (
                "http://::1:2379",
                r#"URL address does not have the form "host:port": http://::1:2379"#,
            ),
            (
                "http://[x]:2379",
                r#"URL address does not have the form "host:port": http://[x]:2379"#,
            ),
            ("http://a:1/x", "URL must not contain a path: http://a:1/x"),
            ("http://a:1/", "URL must not contain a path: http://a:1/"),
            ("http://a:99999", "URL has an invalid port: http://a:99999"),
            ("http://a:+1", "URL has an invalid port: http://a:+1"),
            ("http://a:", "URL has an invalid port: http://a:"),
            (
                "http://u@a:1",
                "URL must be a scheme, a host and a port, nothing else: http://u@a:1",
            ),
            (
                "http://a:1?q",
                "URL must be a scheme, a host and a port, nothing else: http://a:1?q",
            ),
            (
                "unix://a:1",
                "URLs of Unix sockets are not supported yet: unix://a:1",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(Url::parse(text).unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn only_addresses_and_localhost_can_be_listened_on() {
        let bind = |text| {
            Url::parse(text)
                .unwrap()
                .bind_addr()
                .map_err(|error| error.to_string())
        };
        assert_eq!(
            bind("http://localhost:2379"),
            Ok("127.0.0.1:2379".parse().unwrap())
        );
        assert_eq!(
            bind("http://0.0.0.0:2379"),
            Ok("0.0.0.0:2379".parse().unwrap())
        );
        assert_eq!(bind("http://[::]:0"), Ok("[::]:0".parse().unwrap()));
        let refused = |url: &str| Err(format!("expected IP in URL for binding ({url})"));
        assert_eq!(bind("http://foo.bar:1"), refused("http://foo.bar:1"));
        assert_eq!(bind("http://:1"), refused("http://:1"));
    }

    #[test]
    fn localhost_and_its_address_are_one_place() {
        let same = |one, another| {
            Url::parse(one)
                .unwrap()
                .is_equivalent(&Url::parse(another).unwrap())
        };
        assert!(same("http://localhost:1", "http://127.0.0.1:1"));
        assert!(same("http://[::1]:1", "http://[0:0:0:0:0:0:0:1]:1"));
        assert!(same("http://a.example:1", "http://A.example:1"));
        assert!(!same("http://a.example:1", "http://a.example:2"));
        assert!(!same("http://a.example:1", "https://a.example:1"));
        assert!(!same("http://a.example:1", "http://127.0.0.1:1"));
    }

    #[test]
    fn an_empty_host_cannot_be_advertised() {
        let error = Url::parse("http://:2379")
            .unwrap()
            .require_host()
            .unwrap_err();
        assert_eq!(error.to_string(), "unexpected empty host (http://:2379)");
        assert_eq!(Url::parse("http://a:2379").unwrap().require_host(), Ok(()));
    }
}
