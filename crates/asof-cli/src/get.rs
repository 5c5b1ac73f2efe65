//! `get`: the answer for an entity, or for each of a file of entities.

use crate::answer::Answered;
use crate::args::GetArgs;
use crate::exit::{Exit, Failure};
use crate::key;
use crate::output::Format;
use crate::session::{Session, note};
use crate::source::{Lines, RowFormat, Source};
use asof::{
    Entity, Feature, HistoryRange, Question, Read, Snapshot, Timestamp, Value, Verdict, View,
};
use std::path::Path;

/// Prints the answers. An entity that was never seen is answered too, and told by the exit code.
pub(crate) fn run(session: &Session, args: &GetArgs) -> Result<Exit, Failure> {
    let store = session.open()?;
    let view = session.view(&store, &args.view)?;
    let features: Vec<&Feature> = match args.features.as_slice() {
        [] => view.contract().features().iter().collect(),
        names => names
            .iter()
            .map(|name| view.contract().feature(name))
            .collect::<Result<_, _>>()?,
    };
    let snapshot = store.snapshot();
    let question = args.as_of.map_or(Question::latest(), Question::as_of);
    let question = args.known_at.map_or(question, |k| question.known_at(k));
    let question = args
        .require_fresh
        .map_or(question, |lag| question.require_fresh(lag));
    let ask = Ask {
        snapshot: &snapshot,
        view: &view,
        question,
        known_at: args.known_at,
        features,
        explain: args.explain,
    };
    match &args.keys {
        Some(file) => ask.many(session, &read_keys(&view, file)?),
        None => ask.one(session, &key::entity(&view, &args.key)?),
    }
}

struct Ask<'a> {
    snapshot: &'a Snapshot<'a>,
    view: &'a View,
    question: Question,
    known_at: Option<Timestamp>,
    features: Vec<&'a Feature>,
    explain: bool,
}

impl Ask<'_> {
    fn one(&self, session: &Session, entity: &Entity) -> Result<Exit, Failure> {
        let (text, verdict) = self.answer(session.format(), entity)?;
        match session.format() {
            Format::Table => session.stdout().raw(text.as_bytes())?,
            Format::Json | Format::Ndjson => session.stdout().line(&text)?,
        }
        Ok(exit(verdict))
    }

    fn many(&self, session: &Session, entities: &[Entity]) -> Result<Exit, Failure> {
        let mut list = session.stdout().list(session.format());
        let mut worst = Exit::Ok;
        for entity in entities {
            let (text, verdict) = self.answer(session.format(), entity)?;
            list.push(text.as_bytes())?;
            if exit(verdict) != Exit::Ok {
                worst = exit(verdict);
            }
        }
        list.finish()?;
        Ok(worst)
    }

    fn answer(&self, format: Format, entity: &Entity) -> Result<(String, Verdict), Failure> {
        let row = self.snapshot.get(self.view, entity, self.question)?;
        let explained = match self.explain {
            true => Some(self.snapshot.explain(self.view, entity, self.question)?),
            false => None,
        };
        let answered = Answered {
            view: self.view,
            entity,
            row: &row,
            features: &self.features,
            explained: explained.as_ref(),
        };
        let text = match format {
            Format::Table => answered.render()?,
            Format::Json | Format::Ndjson => {
                let mut object = String::new();
                answered.write_json(&mut object)?;
                object
            }
        };
        if row.verdict() == Verdict::Never {
            self.tell_first_known(entity, row.as_of())?;
        }
        Ok((text, row.verdict()))
    }

    /// Never seen is one thing; asked about too early a time is another, and is told.
    fn tell_first_known(&self, entity: &Entity, as_of: Timestamp) -> Result<(), Failure> {
        let known_at = self.known_at;
        let range = |known_at| HistoryRange {
            known_at,
            limit: Some(1),
            ..HistoryRange::default()
        };
        let first = |known_at| -> Result<_, Failure> {
            let mut versions = self.snapshot.history(self.view, entity, range(known_at))?;
            Ok(versions.next().transpose()?)
        };
        let described = key::describe(self.view.contract(), &entity.to_values());
        if let Some(version) = first(known_at)?.filter(|v| v.event_time() > as_of) {
            note(format_args!(
                "{described} is first known from {} on, which lies after {as_of}",
                version.event_time()
            ));
        } else if known_at.is_some()
            && let Some(version) = first(None)?
        {
            note(format_args!(
                "{described} is first known from {} on, and that was recorded at {} only",
                version.event_time(),
                version.recorded_at()
            ));
        }
        Ok(())
    }
}

fn exit(verdict: Verdict) -> Exit {
    match verdict {
        Verdict::Never => Exit::Missing,
        _ => Exit::Ok,
    }
}

/// The entities of a file: CSV by its extension; else one per line, as JSON or as KEY arguments
/// with tabs between them.
fn read_keys(view: &View, file: &Path) -> Result<Vec<Entity>, Failure> {
    let source = Source::open(file)?;
    if RowFormat::of(file) == Some(RowFormat::Csv) {
        return read_csv(view, source);
    }
    let name = source.name().to_owned();
    let mut lines = Lines::new(source);
    let mut entities = Vec::new();
    while let Some((number, line)) = lines.next_line()? {
        let entity = std::str::from_utf8(line)
            .map_err(|error| Failure::failed(error.to_string()))
            .and_then(|line| {
                if line.starts_with('{') {
                    return Ok(view.entity(view.contract().read_entity_json(line)?)?);
                }
                let key: Vec<String> = line.split('\t').map(str::to_owned).collect();
                key::entity(view, &key)
            });
        entities.push(entity.map_err(|failure| failure.at(format_args!("{name}:{number}")))?);
    }
    Ok(entities)
}

fn read_csv(view: &View, source: Source) -> Result<Vec<Entity>, Failure> {
    let name = source.name().to_owned();
    let mut reader = csv::Reader::from_reader(source);
    let header = reader
        .headers()
        .map_err(|error| Failure::from(error).at(&name))?
        .clone();
    let column = |column: &asof::KeyColumn| {
        let at = header.iter().position(|name| name == column.name);
        let at = at.ok_or_else(|| {
            Failure::usage(format!(
                "{name}: the header has no key column {:?}",
                column.name
            ))
        });
        at.map(|at| (at, column.name.clone(), column.ty))
    };
    let columns = view
        .contract()
        .key()
        .iter()
        .map(column)
        .collect::<Result<Vec<_>, _>>()?;
    let mut entities = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| Failure::from(error).at(&name))?;
        let line = record.position().map_or(0, csv::Position::line);
        let value = |(at, column, ty): &(usize, String, asof::Type)| {
            Value::from_cell(&record[*at], *ty).map_err(|error| {
                Failure::from(error).at(format_args!("{name}:{line}: key column {column:?}"))
            })
        };
        let values = columns.iter().map(value).collect::<Result<Vec<_>, _>>()?;
        entities.push(view.entity(values)?);
    }
    Ok(entities)
}
