//! A protocol dies at each of its steps, and what is left of it is looked at.
//!
//! The steps are the named points of `src/failpoint.rs`. The program starts itself again as a child
//! that arms one point and runs the protocol until it dies there; another child then looks at the
//! store. (Were the parent to look, a child of another thread could hold its lock from fork to exec.)
//! A point that the child never reaches is a failure: whoever moved it tests nothing any more. So is a
//! point that no protocol dies at.

use asof::failpoint;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many children die at the same time.
const AT_ONCE: usize = 4;

/// Steps that only make sense together, and what must hold wherever they end.
pub(crate) struct Protocol {
    pub(crate) name: &'static str,
    /// Its points, each with the visits (from zero) at which a child dies there.
    pub(crate) points: &'static [(&'static str, &'static [usize])],
    /// What the child does, to its end if no point is armed. Always the same.
    pub(crate) run: fn(&Path) -> asof::Result<()>,
    /// What must be found of a child that died at a point.
    pub(crate) check: fn(&Path, point: &str) -> Result<(), String>,
}

/// The first argument of a child that is to die, and of one that looks at what is left.
pub(crate) const CHILD: &str = "child-of";
const LOOK: &str = "look";

/// Lets a child of every protocol die at every visit of every point. Gives the number of deaths, and
/// what went wrong.
pub(crate) fn die_everywhere(protocols: &[Protocol]) -> (usize, Vec<String>) {
    let stands = |name: &str| {
        let mut points = protocols.iter().flat_map(|protocol| protocol.points);
        points.any(|(point, _)| *point == name)
    };
    let unused = failpoint::NAMES.iter();
    let unused = unused.filter(|name| !stands(name) && !name.starts_with("erase."));
    let mut failures: Vec<String> = unused
        .map(|name| format!("no protocol dies at {name}"))
        .collect();
    let mut deaths = Vec::new();
    for protocol in protocols {
        for (point, visits) in protocol.points {
            deaths.extend(visits.iter().map(|visit| (protocol, *point, *visit)));
        }
    }
    // A death is mostly waiting for a disk: several at once take no longer.
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(death) = deaths.get(next.fetch_add(1, Ordering::SeqCst)) {
                    let (protocol, point, visit) = death;
                    if let Err(why) = die_at(protocol, point, *visit) {
                        let name = protocol.name;
                        let why = format!("{name}, dead at visit {visit} of {point}: {why}");
                        failed.lock().expect("nobody panics").push(why);
                    }
                }
            });
        }
    });
    failures.extend(failed.into_inner().expect("nobody panics"));
    (deaths.len(), failures)
}

fn die_at(protocol: &Protocol, point: &str, visit: usize) -> Result<(), String> {
    let directory = tempfile::tempdir().map_err(|e| e.to_string())?;
    let store = directory.path().join("store");
    let child = |visit: &str| {
        let program = std::env::current_exe()?;
        let mut child = Command::new(program);
        child.args([CHILD, protocol.name, point, visit]).arg(&store);
        child.output()
    };
    let died = child(&visit.to_string()).map_err(|e| e.to_string())?;
    match died.status.code() {
        // Ended by a signal: it died where it should.
        None => {}
        Some(0) => return Err("the point was never reached".into()),
        Some(_) => return Err(String::from_utf8_lossy(&died.stderr).into_owned()),
    }
    let looked = child(LOOK).map_err(|e| e.to_string())?;
    match looked.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&looked.stderr).into_owned()),
    }
}

/// The child: `NAME POINT VISIT STORE`, or `look` instead of a visit.
pub(crate) fn run_child(protocols: &[Protocol], arguments: &[String]) -> Result<(), String> {
    let [name, point, visit, store] = arguments else {
        return Err(format!("{arguments:?} are no arguments of a child"));
    };
    let protocol = protocols.iter().find(|protocol| protocol.name == name);
    let protocol = protocol.ok_or_else(|| format!("no protocol is called {name}"))?;
    if visit == LOOK {
        return (protocol.check)(Path::new(store), point);
    }
    let visit = visit.parse().map_err(|_| format!("visit {visit}"))?;
    failpoint::arm(point, visit);
    (protocol.run)(Path::new(store)).map_err(|e| e.to_string())
}
