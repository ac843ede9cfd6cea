//! A picture of a run: one HTML file that needs nothing but a browser.
//!
//! [`page`] puts the history's data and the page's own script and style into the file. The data are
//! arrays of numbers ([`Data`]); what they look like is up to the script in `page/`.

mod bands;
mod data;
mod keys;
mod rows;

pub use data::Data;

use crate::history::History;

/// What the page says of a run beside its history.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// What was run: `seed 7`, the name of a plan or a trace.
    pub title: String,
    /// The seed, where it is known.
    pub seed: Option<u64>,
    /// What to type to see the run, or its verdict, again.
    pub command: String,
    /// Why the run has no end, where it has none: what a panic said.
    pub panic: Option<String>,
}

const TEMPLATE: &str = include_str!("page/page.html");
const STYLE: &str = include_str!("page/page.css");

/// One after the other; a part uses the names of those before it.
const SCRIPTS: [&str; 6] = [
    include_str!("page/model.js"),
    include_str!("page/view.js"),
    include_str!("page/paint.js"),
    include_str!("page/marks.js"),
    include_str!("page/panel.js"),
    include_str!("page/controls.js"),
];

/// The page of `history`, judged by the oracles now.
pub fn page(about: &About, history: &History) -> String {
    let data = Data::of(about, history);
    let json = serde_json::to_string(&data).expect("numbers and strings are always JSON");
    fill(
        TEMPLATE,
        &[
            ("title", &escape(&about.title)),
            ("style", STYLE),
            ("data", &in_script(&json)),
            ("script", &SCRIPTS.join("\n")),
        ],
    )
}

/// `template` with each `{{name}}` replaced, once; what is put in is not looked at again.
fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut page = String::new();
    let mut rest = template;
    while let Some((before, behind)) = rest.split_once("{{") {
        let (name, after) = behind.split_once("}}").unwrap_or((behind, ""));
        let value = values.iter().find(|(known, _)| *known == name);
        page.push_str(before);
        page.push_str(value.map_or("", |(_, value)| value));
        rest = after;
    }
    page.push_str(rest);
    page
}

/// Text as HTML.
fn escape(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            other => html.push(other),
        }
    }
    html
}

/// JSON that no HTML parser takes for the end of its script element, or for a comment.
fn in_script(json: &str) -> String {
    json.replace('<', "\\u003c")
}

#[cfg(test)]
mod tests;
