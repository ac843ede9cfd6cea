//! Transcripts under `sim/walks/`: a history, a line of dashes, then commands behind `> ` with what
//! the walk answers.

use std::{fs, path::Path};

use super::{Reply, Walk};
use crate::history::History;

#[test]
fn every_transcript_is_what_the_walk_says() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("walks");
    let mut seen = 0;
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let (history, transcript) = text.split_once("\n----\n").expect("a line of dashes");
        let history: History = history.parse().unwrap();
        let mut walk = Walk::new(&history);
        let mut said = String::new();
        for command in transcript
            .lines()
            .filter_map(|line| line.strip_prefix("> "))
        {
            said += &format!("> {command}\n");
            match walk.carry_out(command) {
                Reply::Text(text) if text.is_empty() => {}
                Reply::Text(text) => said += &format!("{text}\n"),
                Reply::Over => break,
            }
        }
        assert_eq!(said, transcript, "{}", path.display());
        seen += 1;
    }
    assert!(seen >= 2, "{seen} transcripts");
}

#[test]
fn the_walk_ends_when_it_is_told_to() {
    let history = History::new();
    let mut walk = Walk::new(&history);
    assert_eq!(walk.carry_out("quit"), Reply::Over);
    assert_eq!(walk.carry_out("  # nothing"), Reply::Text(String::new()));
}
