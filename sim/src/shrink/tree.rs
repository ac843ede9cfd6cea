//! A plan as the tree of its file. Edits that work on it need no list of the faults, operations and
//! limits that there are: what is added to plans is shrunk as well.

use toml::{Table, Value};

use crate::plan::Plan;

/// The way to a value: names in tables, positions in arrays.
pub(super) type Path = Vec<String>;

/// The tree of `plan`.
pub(super) fn of(plan: &Plan) -> Value {
    Value::Table(Table::try_from(plan).expect("plans have a form in TOML"))
}

/// The plan after the value at `path` was replaced; none where that is no plan any more.
pub(super) fn replaced(plan: &Plan, path: &[String], value: Value) -> Option<Plan> {
    let mut tree = of(plan);
    *at(&mut tree, path)? = value;
    tree.try_into().ok()
}

/// The value at `path`.
fn at<'a>(tree: &'a mut Value, path: &[String]) -> Option<&'a mut Value> {
    path.iter().try_fold(tree, |value, step| match value {
        Value::Table(table) => table.get_mut(step),
        Value::Array(array) => array.get_mut(step.parse::<usize>().ok()?),
        _ => None,
    })
}

/// Calls `visit` for everything below `value`, which is at `path`, in the order of names.
pub(super) fn walk(value: &Value, path: &mut Path, visit: &mut impl FnMut(&Path, &Value)) {
    visit(path, value);
    let mut below = |step: String, value: &Value| {
        path.push(step);
        walk(value, path, visit);
        path.pop();
    };
    match value {
        Value::Table(table) => table
            .iter()
            .for_each(|(name, value)| below(name.clone(), value)),
        Value::Array(array) => array
            .iter()
            .enumerate()
            .for_each(|(at, value)| below(at.to_string(), value)),
        _ => {}
    }
}

/// The two numbers of a span.
pub(super) fn as_span(value: &Value) -> Option<(i64, i64)> {
    match value.as_array()?.as_slice() {
        [Value::Integer(min), Value::Integer(max)] => Some((*min, *max)),
        _ => None,
    }
}

/// The number at `path`.
pub(super) fn number(plan: &Plan, path: &[String]) -> Option<i64> {
    at(&mut of(plan), path)?.as_integer()
}
