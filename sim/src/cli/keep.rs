//! Plans that failed, kept for good: a directory for each, with the plan and why it is there.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use clap::Args;

use super::{Failure, at_path, examine::Examinee};

/// The plan in the directory of a kept plan.
pub(super) const PLAN: &str = "plan.toml";

/// Why it is there.
const WHY: &str = "why.md";

/// What is to be kept.
#[derive(Args)]
pub(super) struct KeepArgs {
    /// The plan.
    plan: PathBuf,
    /// What to call it, in small letters: after what went wrong.
    #[arg(long, value_name = "NAME", value_parser = id)]
    id: String,
    /// What went wrong, which seed found it, and what mended it. Markdown.
    #[arg(long, value_name = "TEXT", value_parser = why)]
    why: String,
    /// The directory of kept plans.
    #[arg(long, value_name = "DIR", default_value = "ci/seeds")]
    into: PathBuf,
}

fn id(text: &str) -> Result<String, String> {
    let sound =
        |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    if !text.is_empty() && text.chars().all(sound) && !text.starts_with('-') {
        Ok(text.into())
    } else {
        Err(format!(
            "`{text}` is no name like `lease-gone-before-its-end`"
        ))
    }
}

fn why(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("a plan that nobody can explain is of no use".into()),
        text => Ok(text.into()),
    }
}

/// Keeps a plan; where it is then. One that is there already is not touched.
pub(super) fn keep(args: &KeepArgs) -> Result<PathBuf, Failure> {
    let plan = Examinee::of_file(&args.plan, None)?.plan;
    let directory = args.into.join(&args.id);
    fs::create_dir_all(&args.into).map_err(at_path(&args.into))?;
    fs::create_dir(&directory).map_err(at_path(&directory))?;
    let write = |name: &str, text: String| {
        let path = directory.join(name);
        fs::write(&path, text)
            .map_err(at_path(&path))
            .map(|()| path)
    };
    write(WHY, format!("{}\n", args.why))?;
    write(PLAN, plan.to_string())
}

/// The plans below `directory`, in the order of their names: those that are kept, each in a directory
/// of its own, and plans beside them.
pub(super) fn plans(directory: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut plans = Vec::new();
    for entry in fs::read_dir(directory).map_err(at_path(directory))? {
        let path = entry.map_err(at_path(directory))?.path();
        if path.is_dir() {
            let plan = path.join(PLAN);
            require(&plan)?;
            require(&path.join(WHY))?;
            plans.push(plan);
        } else if path.extension().is_some_and(|ending| ending == "toml") {
            plans.push(path);
        }
    }
    plans.sort();
    Ok(plans)
}

fn require(file: &Path) -> Result<(), Failure> {
    if file.is_file() {
        return Ok(());
    }
    Err(at_path(file)(io::ErrorKind::NotFound.into()))
}

#[cfg(test)]
mod tests {
    use std::{env, fs, path::PathBuf, process};

    use super::{KeepArgs, PLAN, WHY, id, keep, plans, why};
    use crate::{
        cli::Failure,
        plan::{Focus, Plan},
    };

    fn directory(test: &str) -> PathBuf {
        let directory = env::temp_dir().join(format!("quorate-keep-{test}-{}", process::id()));
        fs::create_dir_all(&directory).unwrap();
        directory
    }

    #[test]
    fn a_kept_plan_is_found_again_with_its_reason() {
        let directory = directory("found");
        let plan = Plan::generate(7, Focus::Crashes);
        let file = directory.join("seed-7.toml");
        fs::write(&file, format!("# by hand\n{plan}")).unwrap();
        let mut args = KeepArgs {
            plan: file,
            id: "b-lost".into(),
            why: "Lost.".into(),
            into: directory.join("seeds"),
        };
        assert!(keep(&args).is_ok());
        args.id = "a-found".into();
        assert!(keep(&args).is_ok());
        let kept = plans(&args.into).unwrap();
        let names = ["a-found", "b-lost"];
        assert_eq!(kept, names.map(|name| args.into.join(name).join(PLAN)));
        assert_eq!(fs::read_to_string(&kept[1]).unwrap(), plan.to_string());
        let reason = fs::read_to_string(args.into.join("b-lost").join(WHY)).unwrap();
        assert_eq!(reason, "Lost.\n");
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn what_is_there_already_stays_as_it_is() {
        let directory = directory("stays");
        let file = directory.join("a.toml");
        fs::write(&file, Plan::generate(7, Focus::Crashes).to_string()).unwrap();
        let args = |why: &str| KeepArgs {
            plan: file.clone(),
            id: "a".into(),
            why: why.into(),
            into: directory.clone(),
        };
        assert!(keep(&args("first")).is_ok());
        assert!(matches!(keep(&args("second")), Err(Failure::File { .. })));
        let why = directory.join("a").join(WHY);
        assert_eq!(fs::read_to_string(&why).unwrap(), "first\n");
        fs::remove_file(why).unwrap();
        assert!(plans(&directory).is_err(), "nobody knows why it is there");
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn names_and_reasons_are_checked() {
        assert!(id("lease-gone-2").is_ok());
        for name in ["", "../x", "A", "a b", "-x"] {
            assert!(id(name).is_err(), "{name}");
        }
        assert_eq!(why(" text \n").as_deref(), Ok("text"));
        assert!(why(" \n").is_err());
    }

    #[test]
    fn every_plan_of_this_repository_is_one() {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
        let told = fs::read_to_string(root.join("docs/found-by-simulation.md")).unwrap();
        let plans = plans(&root.join("ci/seeds")).unwrap();
        assert!(plans.len() >= 5);
        for path in plans {
            assert!(path.ends_with(PLAN), "{}", path.display());
            let name = path.parent().and_then(|kept| kept.file_name()).unwrap();
            let why = format!("ci/seeds/{}/{WHY}", name.display());
            assert!(
                told.contains(&why),
                "docs/found-by-simulation.md tells of {why}"
            );
            let plan = fs::read_to_string(&path).unwrap().parse::<Plan>();
            assert!(plan.is_ok(), "{}: {plan:?}", path.display());
        }
    }
}
