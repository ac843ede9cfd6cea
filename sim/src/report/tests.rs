//! The page of a small history.
