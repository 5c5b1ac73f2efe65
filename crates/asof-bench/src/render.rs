//! Tables as Markdown, and `BENCHMARKS.md` from the files that the commands wrote.

use crate::Outcome;
use crate::plan::Plan;
use serde_json::Value;
use std::fmt::Write;

/// Puts each command's tables between its two marks; a command without a file keeps what is there.
pub fn run(plan: &Plan) -> Outcome {
    let from = plan.json.as_ref().ok_or("render takes --json DIR")?;
    let into = plan.into.as_ref().ok_or("render takes --into FILE")?;
    let mut page = std::fs::read_to_string(into)?;
    let mut all = Vec::new();
    for command in ["reads", "ingest", "synced", "open-loop", "memory", "redis"] {
        if let Some(found) = read(&from.join(format!("{command}.json")))? {
            page = between(&page, command, &section(&found))?;
            all.push(found);
        }
    }
    page = between(&page, "targets", &targets(&all))?;
    let unchecked = read(&from.join("reads-unchecked.json"))?;
    let unchecked_ingest = read(&from.join("ingest-unchecked.json"))?;
    let mut beside = String::new();
    for (other, command) in [(unchecked, "reads"), (unchecked_ingest, "ingest")] {
        let this = all.iter().find(|found| found["command"] == command);
        if let (Some(this), Some(other)) = (this, other) {
            beside += &overflow(this, &other);
        }
    }
    if !beside.is_empty() {
        page = between(&page, "overflow-checks", &beside)?;
    }
    std::fs::write(into, page)?;
    println!(
        "{} has the figures of {} commands",
        into.display(),
        all.len()
    );
    Ok(())
}

fn read(path: &std::path::Path) -> Outcome<Option<Value>> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(serde_json::from_str(&text)?)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn between(page: &str, mark: &str, text: &str) -> Outcome<String> {
    let (begin, end) = (format!("<!-- {mark} -->"), format!("<!-- /{mark} -->"));
    let halves = page
        .split_once(&begin)
        .and_then(|(before, rest)| Some((before, rest.split_once(&end)?.1)));
    let (before, after) = halves.ok_or(format!("the page has no {begin} … {end}"))?;
    Ok(format!(
        "{before}{begin}\n{}\n{end}{after}",
        text.trim_end()
    ))
}

fn section(found: &Value) -> String {
    let machine = &found["machine"];
    let mut text = String::from("```sh\ncrates/asof-bench/run.sh ");
    text += word(&found["command"]);
    let mut arguments = list(&found["arguments"]).iter().map(word);
    while let Some(argument) = arguments.next() {
        match argument {
            // Where files lay says nothing about a figure.
            "--json" | "--dir" => drop(arguments.next()),
            _ => text += &format!(" {argument}"),
        }
    }
    write!(
        text,
        "\n```\n\n{}, {} cores, {} GiB, Linux {}, {}; load {} at the start, medians of {} runs{}\n\n",
        word(&machine["cpu"]),
        machine["cores"],
        machine["memory_gib"],
        word(&machine["kernel"]),
        word(&machine["filesystem"]),
        word(&machine["load"]),
        found["runs"],
        if found["quick"] == true { ". **A smoke run: no figure means anything**" } else { "." },
    )
    .expect("a string takes all");
    text + &tables(found)
}

/// Every table, and what was noted.
pub fn tables(found: &Value) -> String {
    let mut text = String::new();
    for table in list(&found["tables"]) {
        let columns: Vec<_> = list(&table["columns"]).iter().map(word).collect();
        text += &format!(
            "| {} | {} |\n|---|",
            word(&table["title"]),
            columns.join(" | ")
        );
        text += &"---:|".repeat(columns.len());
        text += "\n";
        for row in list(&table["rows"]) {
            let medians = list(&row["medians"]);
            let cells = (0..columns.len()).map(|at| {
                let figure = medians.get(at).and_then(Value::as_f64);
                figure.map_or_else(|| "-".to_string(), number)
            });
            let cells: Vec<_> = cells.collect();
            text += &format!("| {} | {} |\n", word(&row["name"]), cells.join(" | "));
        }
        text += "\n";
    }
    for note in list(&found["notes"]) {
        text += &format!("- {}\n", word(note));
    }
    text
}

/// Target, reached, met or missed, of all commands in one table.
pub fn targets(all: &[Value]) -> String {
    let mut text = String::from(
        "| path | target | reached (least to most of the runs) | |\n|---|---|---:|---|\n",
    );
    for found in all {
        // A smoke run says that a target can be judged, and nothing about it.
        let smoke = if found["quick"] == true {
            "smoke run: "
        } else {
            ""
        };
        for target in list(&found["targets"]) {
            let figure = |name: &str| target[name].as_f64().map_or_else(String::new, number);
            let met = match target["met"] == true {
                true => "met",
                false => "**missed**",
            };
            text += &format!(
                "| {} | {} | {} ({} to {}) | {smoke}{met} |\n",
                word(&target["path"]),
                word(&target["target"]),
                figure("reached"),
                figure("least"),
                figure("most"),
            );
        }
    }
    text
}

/// The first column of every row that is ours, with the checks and without, where both were measured.
fn overflow(with: &Value, without: &Value) -> String {
    let mut text = format!(
        "| {} | checked | unchecked | ratio |\n|---|---:|---:|---:|\n",
        word(&with["command"])
    );
    for table in list(&with["tables"]) {
        let title = word(&table["title"]);
        let Some(other) = called(list(&without["tables"]), "title", title) else {
            continue;
        };
        for row in list(&table["rows"]) {
            let name = word(&row["name"]);
            let first = |row: &Value| row["medians"][0].as_f64();
            let without = called(list(&other["rows"]), "name", name).and_then(first);
            if let (true, Some(a), Some(b)) = (name.starts_with("asof"), first(row), without) {
                text += &format!(
                    "| {title}: {name} | {} | {} | {} |\n",
                    number(a),
                    number(b),
                    number(a / b)
                );
            }
        }
    }
    text + "\n"
}

/// The one of them that has this name.
fn called<'a>(all: &'a [Value], key: &str, name: &str) -> Option<&'a Value> {
    all.iter().find(|one| word(&one[key]) == name)
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Three digits, or all that are before the point.
fn number(figure: f64) -> String {
    if !figure.is_finite() {
        return "-".to_string();
    }
    if figure.abs() < 10.0 {
        return format!("{figure:.2}");
    }
    if figure.abs() < 100.0 {
        return format!("{figure:.1}");
    }
    let digits = format!("{:.0}", figure.abs());
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    if figure < 0.0 {
        format!("-{text}")
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_keeps_three_digits_and_its_thousands() {
        let cases = [
            (0.404, "0.40"),
            (99.94, "99.9"),
            (1234567.4, "1,234,567"),
            (-123.0, "-123"),
        ];
        for (figure, text) in cases {
            assert_eq!(number(figure), text);
        }
    }

    #[test]
    fn only_what_stands_between_the_marks_is_replaced() {
        let page = "a\n<!-- reads -->\nold\n<!-- /reads -->\nb\n";
        let new = between(page, "reads", "new\n").expect("both marks");
        assert_eq!(new, "a\n<!-- reads -->\nnew\n<!-- /reads -->\nb\n");
        assert!(between(page, "ingest", "new").is_err());
    }
}
