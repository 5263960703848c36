//! How far a long operation is: on a terminal only, and only when it takes longer than a moment.

use std::fmt::Display;
use std::io::{self, IsTerminal as _};
use std::time::{Duration, Instant};

use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::failure::tell;
use crate::sizes::{counted, human};

/// Operations that end within this time show nothing.
const MOMENT: Duration = Duration::from_secs(1);

/// How often it is drawn, in Hertz.
const RATE: u8 = 10;

/// The line on standard error that shows how far an operation is.
pub(crate) struct Progress {
    /// Start of the operation; `None` if nothing is shown.
    started: Option<Instant>,
    /// When the first unit of a job was counted, and what was done by then: a job may resume another.
    first: Option<(Instant, u64)>,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Starts the progress of an operation.
    pub(crate) fn new(quiet: bool) -> Self {
        Progress { started: (!quiet && io::stderr().is_terminal()).then(Instant::now), first: None, bar: None }
    }

    /// Shows a job that has done `done` of `total`.
    pub(crate) fn job(&mut self, done: u64, total: u64, objects: u64, bytes: u64) {
        let (rate, left) = (self.rate(bytes), self.left(done, total));
        if let Some(bar) = self.shown("{bar:24} {percent:>3}%  {msg}") {
            bar.set_length(total);
            bar.set_position(done);
            bar.set_message(format!("{}, {}{rate}{left}", counted(objects, "object"), human(bytes)));
        }
    }

    /// Shows how many objects have been looked at.
    pub(crate) fn counted(&mut self, done: u64, total: u64) {
        let left = self.left(done, total);
        if let Some(bar) = self.shown("{bar:24} {percent:>3}%  {msg}") {
            bar.set_length(total);
            bar.set_position(done);
            bar.set_message(format!("{}{left}", counted(done, "object")));
        }
    }

    /// Shows how much has been read, of unknown much.
    pub(crate) fn read(&mut self, files: u64, bytes: u64) {
        let rate = self.rate(bytes);
        if let Some(bar) = self.shown("{msg}") {
            bar.set_message(format!("{}, {}{rate}", counted(files, "file"), human(bytes)));
        }
    }

    /// Bytes a second since the operation began.
    fn rate(&self, bytes: u64) -> String {
        let seconds = self.started.map_or(0.0, |started| started.elapsed().as_secs_f64());
        if bytes == 0 || seconds < 0.1 {
            String::new()
        } else {
            format!(" ({}/s)", human((bytes as f64 / seconds) as u64))
        }
    }

    /// The time that is left of a job, once there is something to estimate it from.
    fn left(&mut self, done: u64, total: u64) -> String {
        if self.started.is_none() {
            return String::new();
        }
        let (since, first) = *self.first.get_or_insert_with(|| (Instant::now(), done));
        time_left(since.elapsed(), done.saturating_sub(first), total.saturating_sub(done))
            .map_or_else(String::new, |left| format!(", {:#} left", HumanDuration(left)))
    }

    /// Tells the user something, above the line.
    pub(crate) fn tell(&self, message: impl Display) {
        match &self.bar {
            Some(bar) => bar.suspend(|| tell(message)),
            None => tell(message),
        }
    }

    /// Removes the line. It appears again with the next update.
    pub(crate) fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    fn shown(&mut self, template: &str) -> Option<&ProgressBar> {
        self.started.filter(|started| started.elapsed() >= MOMENT)?;
        Some(self.bar.get_or_insert_with(|| {
            let target = target();
            let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressBar::with_draw_target(Some(0), target).with_style(style)
        }))
    }
}

/// The time that `left` units take when `done` ones took this long.
fn time_left(took: Duration, done: u64, left: u64) -> Option<Duration> {
    let seconds = took.as_secs_f64() / done as f64 * left as f64;
    if done == 0 { None } else { Duration::try_from_secs_f64(seconds).ok() }
}

#[cfg(not(target_os = "wasi"))]
fn target() -> ProgressDrawTarget {
    ProgressDrawTarget::stderr_with_hz(RATE)
}

#[cfg(target_os = "wasi")]
fn target() -> ProgressDrawTarget {
    ProgressDrawTarget::term_like_with_hz(Box::new(terminal::Terminal), RATE)
}

/// The terminal on standard error. The crate `console`, which would know it, takes no WASI stream for a terminal.
#[cfg(target_os = "wasi")]
mod terminal {
    use std::env;
    use std::io::{self, Write as _};

    use indicatif::TermLike;

    /// Columns that are used of a terminal that does not tell how many it has: WASI cannot ask it.
    const WIDTH: u16 = 60;

    #[derive(Debug)]
    pub(super) struct Terminal;

    impl Terminal {
        fn move_cursor(n: usize, direction: char) -> io::Result<()> {
            if n == 0 { Ok(()) } else { write!(io::stderr(), "\x1b[{n}{direction}") }
        }
    }

    impl TermLike for Terminal {
        fn width(&self) -> u16 {
            env::var("COLUMNS")
                .ok()
                .and_then(|columns| columns.parse().ok())
                .filter(|width| *width > 0)
                .unwrap_or(WIDTH)
        }

        fn move_cursor_up(&self, n: usize) -> io::Result<()> {
            Self::move_cursor(n, 'A')
        }

        fn move_cursor_down(&self, n: usize) -> io::Result<()> {
            Self::move_cursor(n, 'B')
        }

        fn move_cursor_right(&self, n: usize) -> io::Result<()> {
            Self::move_cursor(n, 'C')
        }

        fn move_cursor_left(&self, n: usize) -> io::Result<()> {
            Self::move_cursor(n, 'D')
        }

        fn write_line(&self, text: &str) -> io::Result<()> {
            writeln!(io::stderr(), "{text}")
        }

        fn write_str(&self, text: &str) -> io::Result<()> {
            io::stderr().write_all(text.as_bytes())
        }

        fn clear_line(&self) -> io::Result<()> {
            self.write_str("\r\x1b[2K")
        }

        fn flush(&self) -> io::Result<()> {
            io::stderr().flush()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_left_is_in_proportion_to_the_work() {
        assert_eq!(time_left(Duration::from_secs(10), 100, 50), Some(Duration::from_secs(5)));
        assert_eq!(time_left(Duration::from_secs(10), 100, 0), Some(Duration::ZERO));
        assert_eq!(time_left(Duration::from_secs(10), 0, 50), None, "there is nothing to estimate it from");
        assert_eq!(time_left(Duration::MAX, 1, u64::MAX), None, "it is more than a duration holds");
    }
}
