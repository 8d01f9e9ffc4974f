//! All output and input.
//!
//! Names, tags and answers come from others. [`clean`] makes them harmless before they reach a
//! terminal.

use std::fmt::Display;
use std::io::{self, BufRead, IsTerminal, Write};
use std::{env, mem};

use comfy_table::{ColumnConstraint, ContentArrangement, Table, Width, presets};
use console::{Style, Term};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

/// Where a command writes and reads.
pub struct Console {
    out: Box<dyn Write>,
    err: Box<dyn Write>,
    input: Box<dyn BufRead>,
    /// Whether a JSON document takes the place of all text.
    json: bool,
    colours: bool,
    /// The columns of the terminal. `None`: not a terminal.
    width: Option<u16>,
    bars: MultiProgress,
}

impl Console {
    /// The console of this process. A terminal gets colours and progress bars, a pipe plain lines.
    pub fn of_process(json: bool) -> Self {
        let stdin = io::BufReader::new(io::stdin());
        let mut console = Self::new(
            Box::new(io::stdout()),
            Box::new(io::stderr()),
            Box::new(stdin),
            json,
        );
        let is_terminal = io::stdout().is_terminal() && !json;
        let variable = |name: &str| env::var(name).unwrap_or_default();
        let is_plain = variable("TERM") == "dumb";
        console.colours = has_colours(is_terminal, &variable("NO_COLOR"), &variable("TERM"));
        console.width = is_terminal.then(|| Term::stdout().size().1);
        if is_terminal && !is_plain {
            console.bars.set_draw_target(ProgressDrawTarget::stderr());
        }
        console
    }

    /// Not a terminal.
    pub fn new(
        out: Box<dyn Write>,
        err: Box<dyn Write>,
        input: Box<dyn BufRead>,
        json: bool,
    ) -> Self {
        Self {
            out,
            err,
            input,
            json,
            colours: false,
            width: None,
            bars: MultiProgress::with_draw_target(ProgressDrawTarget::hidden()),
        }
    }

    /// A line of text.
    pub fn line(&mut self, text: impl Display) -> io::Result<()> {
        self.styled(&Style::new(), text)
    }

    pub fn heading(&mut self, text: impl Display) -> io::Result<()> {
        self.styled(&Style::new().bold(), text)
    }

    /// Something that cannot be done.
    pub fn error(&mut self, text: impl Display) -> io::Result<()> {
        self.styled(&Style::new().red(), text)
    }

    /// Something to know first.
    pub fn warning(&mut self, text: impl Display) -> io::Result<()> {
        self.styled(&Style::new().yellow(), text)
    }

    fn styled(&mut self, style: &Style, text: impl Display) -> io::Result<()> {
        if self.json {
            return Ok(());
        }
        let text = clean(&text.to_string());
        let style = style.clone().force_styling(self.colours);
        let out = &mut self.out;
        self.bars
            .suspend(|| writeln!(out, "{}", style.apply_to(text)))
    }

    /// A step that is done. On a terminal, the progress bars show it.
    pub fn step(&mut self, text: impl Display) -> io::Result<()> {
        match self.width {
            Some(_) => Ok(()),
            None => self.line(text),
        }
    }

    /// A step that failed, at once and apart from the results.
    pub fn failure(&mut self, text: impl Display) -> io::Result<()> {
        let text = clean(&text.to_string());
        let style = Style::new().red().for_stderr().force_styling(self.colours);
        let err = &mut self.err;
        self.bars
            .suspend(|| writeln!(err, "{} {text}", style.apply_to("failed:")))
    }

    /// Why a command stops. Nothing can be done if that cannot be written.
    pub fn stop(&mut self, text: &str) {
        let text: Vec<_> = text.split_whitespace().collect();
        let _ = writeln!(self.err, "lightsail-copies: {}", clean(&text.join(" ")));
    }

    /// Asks a question. `None` at the end of the input.
    pub fn ask(&mut self, question: &str) -> io::Result<Option<String>> {
        write!(self.err, "{} ", clean(question))?;
        self.err.flush()?;
        let mut answer = String::new();
        if self.input.read_line(&mut answer)? == 0 {
            writeln!(self.err)?;
            return Ok(None);
        }
        Ok(Some(answer.trim().to_owned()))
    }

    /// A table with aligned columns. On a terminal, its cells are wrapped.
    pub fn table(&mut self, header: &[&str], rows: Vec<Vec<String>>) -> io::Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        for line in table(header, &rows, self.width).lines() {
            self.line(line.trim_end())?;
        }
        Ok(())
    }

    /// Writes the JSON document, if one was asked for.
    pub fn document(&mut self, document: &impl Serialize) -> io::Result<()> {
        if !self.json {
            return Ok(());
        }
        let json = serde_json::to_string_pretty(document)?;
        // serde_json leaves the control characters beyond ASCII as they are.
        let mut text = String::with_capacity(json.len());
        for c in json.chars() {
            match c {
                '\n' => text.push(c),
                c if is_harmful(c) => text.push_str(&format!("\\u{:04x}", u32::from(c))),
                c => text.push(c),
            }
        }
        writeln!(self.out, "{text}")
    }

    /// Raw bytes that are no text for people.
    pub fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)
    }

    /// A progress bar, which only a terminal shows.
    pub fn bar(&self, phase: &'static str, length: usize) -> ProgressBar {
        let style = ProgressStyle::with_template("{prefix:10} {bar:30} {pos}/{len} {msg}");
        let bar = ProgressBar::new(length as u64).with_prefix(phase);
        if let Ok(style) = style {
            bar.set_style(style);
        }
        self.bars.add(bar)
    }

    /// Removes the progress bars.
    pub fn clear_bars(&mut self) -> io::Result<()> {
        let hidden = MultiProgress::with_draw_target(ProgressDrawTarget::hidden());
        mem::replace(&mut self.bars, hidden).clear()
    }
}

/// Cells are wrapped between words only, so that a name can be copied from the terminal.
fn table(header: &[&str], rows: &[Vec<String>], width: Option<u16>) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(header);
    match width {
        Some(width) => table
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(width),
        None => table.set_content_arrangement(ContentArrangement::Disabled),
    };
    let mut longest: Vec<usize> = header.iter().map(|cell| cell.len()).collect();
    for row in rows {
        for (cell, longest) in row.iter().zip(&mut longest) {
            let words = cell.split(' ').map(|word| word.chars().count());
            *longest = words.max().unwrap_or_default().max(*longest);
        }
        table.add_row(row.iter().map(|cell| clean(cell)));
    }
    for (column, longest) in table.column_iter_mut().zip(longest) {
        let width = Width::Fixed(u16::try_from(longest + 2).unwrap_or(u16::MAX));
        column.set_padding((0, 2));
        column.set_constraint(ColumnConstraint::LowerBoundary(width));
    }
    table
}

/// `1 copy`, `2 copies`.
pub fn counted(count: usize, noun: &str) -> String {
    match noun.strip_suffix('y') {
        _ if count == 1 => format!("1 {noun}"),
        Some(stem) => format!("{count} {stem}ies"),
        None => format!("{count} {noun}s"),
    }
}

/// Whether text is coloured. Any value of NO_COLOR but an empty one means no (https://no-color.org).
fn has_colours(is_terminal: bool, no_color: &str, term: &str) -> bool {
    is_terminal && no_color.is_empty() && term != "dumb"
}

/// Text of others without control characters, which could rewrite what a terminal shows.
pub fn clean(text: &str) -> String {
    let mut cleaned = String::with_capacity(text.len());
    for c in text.chars() {
        match is_harmful(c) {
            true => cleaned.extend(c.escape_unicode()),
            false => cleaned.push(c),
        }
    }
    cleaned
}

/// Control characters, and those that change the direction of text or hide in it.
fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_terminal_that_wants_them_gets_colours() {
        assert!(has_colours(true, "", "xterm-256color"));
        assert!(!has_colours(false, "", "xterm-256color"));
        assert!(!has_colours(true, "1", "xterm-256color"));
        assert!(!has_colours(true, "", "dumb"));
    }

    #[test]
    fn a_narrow_terminal_gets_whole_names() {
        let name = "WordPress-1-us-west-2-2026-11-22";
        let row = ["create", name, name, "the name belongs to another resource"];
        let rows = [row.map(str::to_owned).to_vec()];
        let text = table(&["ACTION", "NAME", "COPY", "NOTE"], &rows, Some(60)).to_string();
        assert_eq!(text.matches(name).count(), 2, "{text}");
    }

    #[test]
    fn text_of_others_cannot_control_the_terminal() {
        for (text, cleaned) in [
            ("WordPress-1", "WordPress-1"),
            ("größe 大", "größe 大"),
            ("\u{1b}[2J\u{7}", "\\u{1b}[2J\\u{7}"),
            ("a\nb\r\tc", "a\\u{a}b\\u{d}\\u{9}c"),
            ("\u{9b}31m\u{7f}", "\\u{9b}31m\\u{7f}"),
            ("\u{202e}gpj.exe", "\\u{202e}gpj.exe"),
        ] {
            assert_eq!(clean(text), cleaned);
        }
    }
}
