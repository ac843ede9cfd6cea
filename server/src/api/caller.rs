//! Who calls: what its metadata say of it, before anybody has looked whether that is true.

use std::fmt;

use tonic::metadata::MetadataMap;

/// What some clients write before a token, as is usual in HTTP.
const SCHEME: &str = "Bearer ";

/// The credentials that came with a call. [`Context::author`](super::context::Context::author)
/// says whose they are.
#[derive(Clone, Default)]
pub(super) struct Caller {
    token: Option<String>,
}

impl Caller {
    /// The token is in `token`, else in `authorization` (contract api.md §1).
    pub(super) fn of(metadata: &MetadataMap) -> Self {
        let value = metadata
            .get("token")
            .or_else(|| metadata.get("authorization"));
        // What is no text is no token either, but it was meant to be one.
        let token = value.map(|value| value.to_str().unwrap_or_default());
        let token = token.map(|token| token.strip_prefix(SCHEME).unwrap_or(token).to_owned());
        Self { token }
    }

    /// The token, if there is one.
    pub(super) fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }
}

/// Without the token, which must not get into a log.
impl fmt::Debug for Caller {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let has_token = self.token.is_some();
        formatter
            .debug_struct("Caller")
            .field("has_token", &has_token)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(metadata: &[(&'static str, &'static str)]) -> Option<String> {
        let mut map = MetadataMap::new();
        for (key, value) in metadata {
            map.insert(*key, value.parse().expect("a metadata value"));
        }
        Caller::of(&map).token
    }

    #[test]
    fn a_token_may_stand_in_two_places() {
        assert_eq!(token(&[]), None);
        assert_eq!(token(&[("token", "a.1")]).as_deref(), Some("a.1"));
        assert_eq!(token(&[("authorization", "a.1")]).as_deref(), Some("a.1"));
        let both = [("authorization", "b.2"), ("token", "a.1")];
        assert_eq!(token(&both).as_deref(), Some("a.1"));
        let bearer = token(&[("authorization", "Bearer Bearer a.1")]);
        assert_eq!(bearer.as_deref(), Some("Bearer a.1"));
        assert_eq!(token(&[("token", "")]).as_deref(), Some(""));
    }

    #[test]
    fn it_is_not_shown() {
        let caller = Caller {
            token: Some("a.1".to_owned()),
        };
        assert_eq!(format!("{caller:?}"), "Caller { has_token: true, .. }");
    }
}
