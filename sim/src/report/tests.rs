//! The page of a small history.

use serde_json::Value;

use super::{About, escape, fill, page};

const HISTORY: &str = include_str!("../../reports/two-leaders.txt");

fn about() -> About {
    About {
        title: "<b>seed</b> & 7".into(),
        seed: Some(7),
        command: "cargo sim run --seed 7".into(),
        panic: None,
    }
}

/// The page, and the data in it.
fn rendered(about: &About) -> (String, Value) {
    let page = page(about, &HISTORY.parse().unwrap());
    let (_, behind) = page
        .split_once("<script type=\"application/json\" id=\"data\">")
        .expect("a page has data");
    let (json, _) = behind.split_once("</script>").unwrap();
    let data = serde_json::from_str(json).expect("the data are JSON");
    (page, data)
}

fn rows(data: &Value, name: &str) -> Vec<String> {
    let rows = data[name].as_array().unwrap();
    rows.iter().map(ToString::to_string).collect()
}

#[test]
fn the_data_say_what_happened() {
    let (_, data) = rendered(&about());
    assert_eq!(data["clients"].to_string(), "[1,2]");
    assert_eq!(data["members"].to_string(), "[1,2,3]");
    assert_eq!(data["records"]["time"].as_array().unwrap().len(), 21);
    assert_eq!(
        data["records"]["time"][3], 1_000_000,
        "since the one before"
    );
    assert_eq!(data["records"]["text"][1], "n1 leads term=1");
    // Request, answer, client, member, sort, outcome.
    let operations = ["[7,11,1,1,1,0]", "[13,-1,1,2,0,2]", "[17,18,1,1,0,1]"];
    assert_eq!(rows(&data, "operations"), operations);
    // Sending, arrival, sender, receiver, kind: the second one is lost.
    assert_eq!(rows(&data, "messages"), ["[2,3,1,2,0]", "[4,-1,1,3,0]"]);
    assert_eq!(data["message_kinds"].to_string(), "[\"heartbeat\"]");
    assert_eq!(rows(&data, "watches"), ["[5,-1,2,2,1]"]);
    assert_eq!(rows(&data, "deliveries"), ["[0,10,1]"]);
    assert_eq!(rows(&data, "leaders"), ["[1,1,1]", "[2,14,1]"]);
    assert_eq!(rows(&data, "revisions"), ["[8,2]", "[19,3]"]);
    let lease = "{\"begin\":8,\"end\":19,\"id\":\"7\",\"renewed\":[15],\"ttl_s\":5}";
    assert_eq!(rows(&data, "leases"), [lease]);
    assert_eq!(data["bands"][0]["members"].to_string(), "[3]");
    assert_eq!(data["bands"][0]["begin"], 12);
    assert_eq!(data["bands"][0]["end"], 16);
    assert_eq!(data["quiet"], 20);
}

#[test]
fn what_is_wrong_is_marked_with_the_records_that_show_it() {
    let (_, data) = rendered(&about());
    let violations = data["violations"].as_array().unwrap();
    let leadership = violations
        .iter()
        .find(|violation| violation["oracle"] == "leadership")
        .expect("two leaders of one term are found");
    assert_eq!(leadership["records"].to_string(), "[1,14]");
    assert!(
        leadership["explanation"]
            .as_str()
            .unwrap()
            .contains("term 1")
    );
}

#[test]
fn a_run_that_panics_says_so_and_is_not_judged() {
    let panic = Some("index out of bounds".to_owned());
    let (_, data) = rendered(&About { panic, ..about() });
    assert_eq!(data["violations"].as_array().unwrap().len(), 1);
    assert_eq!(data["violations"][0]["oracle"], "panic");
    assert_eq!(data["violations"][0]["explanation"], "index out of bounds");
}

#[test]
fn nothing_of_the_data_is_taken_for_markup() {
    let (page, data) = rendered(&about());
    assert!(page.contains("<title>&lt;b&gt;seed&lt;/b&gt; &amp; 7"));
    assert!(!page.contains("<b>seed") && !page.contains("alert(1)</script>"));
    assert!(!page.contains("<!--"), "a comment would swallow the script");
    let text = data["records"]["text"][12].as_str().unwrap();
    assert!(text.contains("</script><script>alert(1)"), "{text}");
}

#[test]
fn a_page_needs_nothing_but_itself() {
    let (page, _) = rendered(&about());
    for outside in [
        "http://",
        "https://",
        "src=",
        "@import",
        "url(",
        "innerHTML",
    ] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert!(!page.contains("{{"), "every place is filled");
    assert!(page.contains("default-src 'none'"));
}

#[test]
fn what_is_filled_in_is_not_filled_again() {
    let filled = fill("a {{x}} b {{y}}{{z}} c", &[("x", "{{y}}"), ("y", "Y")]);
    assert_eq!(filled, "a {{y}} b Y c");
    assert_eq!(
        escape("<a href='\"'>&"),
        "&lt;a href=&#39;&quot;&#39;&gt;&amp;"
    );
}
