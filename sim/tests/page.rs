//! Pages of runs, opened by a browser where there is one.

use std::{
    env, fs,
    io::Read,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use quorate_sim::{
    history::History,
    report::{About, page},
};

/// A browser that takes longer is taken for broken.
const PATIENCE: Duration = Duration::from_secs(120);

/// Browsers that know `--headless` and `--dump-dom`.
const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

fn browser() -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let directories: Vec<PathBuf> = env::split_paths(&path).collect();
    BROWSERS.iter().find_map(|name| {
        let mut places = directories.iter().map(|directory| directory.join(name));
        places.find(|place| place.is_file())
    })
}

/// The document after the page's script has run.
fn document(browser: &Path, name: &str, history: &History, address: &str) -> String {
    let place = env::temp_dir().join(format!("quorate-page-{}-{name}", std::process::id()));
    fs::create_dir_all(&place).expect("a directory for temporary files");
    let file = place.join("run.html");
    let about = About {
        title: name.into(),
        seed: Some(7),
        command: "cargo sim run --seed 7".into(),
        panic: None,
    };
    fs::write(&file, page(&about, history)).expect("room for a page");
    let mut child = Command::new(browser)
        .args(["--headless=new", "--no-sandbox", "--disable-gpu"])
        .args(["--window-size=1400,900", "--virtual-time-budget=5000"])
        .arg(format!(
            "--user-data-dir={}",
            place.join("profile").display()
        ))
        .arg("--dump-dom")
        .arg(format!("file://{}{address}", file.display()))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the browser starts");
    let mut pipe = child.stdout.take().expect("a pipe");
    let reader = thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).map(|_| bytes)
    });
    let begin = Instant::now();
    while child.try_wait().expect("a child").is_none() {
        if begin.elapsed() > PATIENCE {
            child.kill().expect("a child");
        }
        thread::sleep(Duration::from_millis(20));
    }
    let bytes = reader.join().expect("no panic").expect("a pipe");
    let _ = fs::remove_dir_all(&place);
    String::from_utf8(bytes).expect("a document in UTF-8")
}

/// What the script says of itself in an attribute of its status.
fn status(document: &str, name: &str) -> u64 {
    let (_, behind) = document
        .split_once("id=\"status\"")
        .unwrap_or_else(|| panic!("no status in {document:.500}"));
    let (attributes, _) = behind.split_once('>').expect("an element");
    let (_, value) = attributes
        .split_once(&format!("data-{name}=\""))
        .unwrap_or_else(|| panic!("no data-{name} in {attributes}"));
    let number = value.split('"').next().unwrap_or_default();
    number.parse().expect("a number")
}

/// A history of `count` operations, with messages, a lease and a watch.
fn long(count: u64) -> History {
    let mut text = String::from("0 cluster n1 n2 n3\n0 n1 leads term=1\n0 watch1 c9 n2 open k\n");
    for number in 1..=count {
        let at = |part: u64| format!("{}.{:03}{part}", number / 1000, number % 1000);
        let (client, revision) = (number % 5 + 1, number + 1);
        text += &format!("{} op{number} c{client} n1 put k v{number}\n", at(0));
        text += &format!(
            "{} message{number} n1>n2 append term=1 after={number}\n",
            at(1)
        );
        if !number.is_multiple_of(50) {
            text += &format!("{} message{number} arrived\n", at(2));
        }
        let kv = format!("k=v{number}@{revision}/2/{number}/0");
        text += &format!("{} log {number} term=1 @{revision} put {kv}\n", at(3));
        text += &format!(
            "{} n1 applied {number} term=1 @{revision} hash={number:016x}\n",
            at(4)
        );
        text += &format!("{} watch1 events @{revision} put {kv}\n", at(5));
        text += &format!("{} op{number} ok @{revision} put\n", at(6));
    }
    text.parse().expect("a history")
}

#[test]
fn a_browser_draws_the_pages_without_an_error() {
    let Some(browser) = browser() else {
        println!("skipped: no Chromium");
        return;
    };
    let small: History = include_str!("../reports/two-leaders.txt").parse().unwrap();
    let shown = document(&browser, "small", &small, "");
    assert_eq!(status(&shown, "errors"), 0);
    assert_eq!(status(&shown, "records"), small.records().len() as u64);
    assert!(status(&shown, "drawn") >= 12, "everything is drawn");
    assert!(shown.contains("oracles reject this run") || shown.contains("oracle rejects"));
    assert!(shown.contains("class=\"violation\""));
    assert!(!shown.contains("<script>alert"), "data are text");

    // Found and selected: the trace around the record is on the page.
    let shown = document(&browser, "found", &small, "#search=k1&record=14");
    assert_eq!(status(&shown, "errors"), 0);
    assert!(
        shown.contains("<span>n2 leads term=1</span>"),
        "the trace is shown"
    );
    assert!(shown.contains("records</output>"), "the finds are counted");

    let long = long(15_000);
    let shown = document(&browser, "long", &long, "");
    assert_eq!(status(&shown, "errors"), 0);
    assert_eq!(status(&shown, "records"), long.records().len() as u64);
    let (few, many) = (100, 10_000);
    assert!(
        (few..many).contains(&status(&shown, "drawn")),
        "counts, not marks"
    );
    assert!(shown.contains("oracles accept this run"), "{shown:.2000}");
    let shown = document(&browser, "near", &long, "#from=7.0&to=7.02");
    assert_eq!(status(&shown, "errors"), 0);
    assert!((60..400).contains(&status(&shown, "drawn")), "single marks");
}
