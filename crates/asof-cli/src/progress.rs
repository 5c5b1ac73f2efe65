//! Bars on a terminal: how far a long command has come. On stderr, where it is a terminal; in a pipe
//! there is none, and nothing of them remains when a command ends. They have no colours, so
//! `NO_COLOR` is kept by having nothing to keep.

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::sync::LazyLock;

/// All bars, so that a line of text can step between them and the terminal.
static SHOWN: LazyLock<MultiProgress> = LazyLock::new(MultiProgress::new);

/// A bar that is gone when it is dropped.
pub(crate) struct Bar(ProgressBar);

impl Bar {
    /// Over a file whose bytes are read.
    pub(crate) fn bytes(name: &str, len: u64) -> Bar {
        let template = "{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}";
        Bar::new(len, name, template)
    }

    /// Over rows of which about so many are known to come.
    pub(crate) fn rows(what: &str) -> Bar {
        Bar::new(
            0,
            what,
            "{msg} {wide_bar} {human_pos}/~{human_len} rows {per_sec} {eta}",
        )
    }

    /// Over rows of which nobody knows how many there are.
    pub(crate) fn counting(what: &str) -> Bar {
        Bar::new(0, what, "{msg} {spinner} {human_pos} rows {per_sec}")
    }

    fn new(len: u64, what: &str, template: &str) -> Bar {
        let bar = SHOWN.add(ProgressBar::new(len));
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(what.to_owned());
        Bar(bar)
    }

    /// No bar at all.
    pub(crate) fn hidden() -> Bar {
        Bar(ProgressBar::hidden())
    }

    /// How far it is, of how much; an estimate that was too low grows with it.
    pub(crate) fn show(&self, what: &'static str, position: u64, len: u64) {
        if self.0.message() != what {
            self.0.set_message(what);
        }
        self.0.set_length(len.max(position));
        self.0.set_position(position);
    }

    /// One row more.
    pub(crate) fn step(&self) {
        self.0.inc(1);
    }

    /// The reader, counted.
    pub(crate) fn wrap<R: std::io::Read>(&self, reader: R) -> impl std::io::Read + use<R> {
        self.0.wrap_read(reader)
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// For a command whose data goes to stdout while it works: on one terminal the two would mix.
pub(crate) fn give_way_to_stdout() {
    if std::io::stdout().is_terminal() {
        SHOWN.set_draw_target(ProgressDrawTarget::hidden());
    }
}

/// A line on stderr, above whatever bars there are.
pub(crate) fn say(line: std::fmt::Arguments<'_>) {
    SHOWN.suspend(|| eprintln!("{line}"));
}
