//! Words and tags, in their order, as Markdown.
//!
//! What stands between two tags is collected apart and put into its place when the second comes: what
//! it begins and ends with, and whether there is anything at all, decides how it is marked.

use super::{
    Tag,
    signs::{INDENT, code, emphasised, in_one_line, lines, quoted, with_lines_after},
};
use crate::rich::{
    Open,
    markdown::{destination, escaped, link},
};

/// The most tags within each other that are told apart; deeper ones leave their words.
const FRAMES_MAX: usize = 32;

/// The deepest list that is set off: deeper ones stand where it stands.
const DEPTH_MAX: usize = 6;

/// Between two marks that would be read as one, or a mark and a word that would hide it. Too thin to be
/// seen, and blank to whoever reads Markdown.
const HAIR_SPACE: char = '\u{200a}';

/// What a pair of tags makes of what stands between.
enum Kind {
    /// Nothing.
    Bare,
    /// Emphasis.
    Mark(&'static str),
    /// Words to be read character by character, in a line.
    Code,
    /// The same, with its lines.
    Lines,
    Link(String),
    Heading,
    Quote,
    /// An item of a list, with its number if it has one.
    Item(Option<usize>),
    Cell,
}

impl Kind {
    /// Whether it stands within a line, so that blanks at its ends are blanks around it.
    fn is_inline(&self) -> bool {
        match self {
            Self::Bare | Self::Mark(_) | Self::Code | Self::Link(_) => true,
            Self::Lines | Self::Heading | Self::Quote | Self::Item(_) | Self::Cell => false,
        }
    }
}

/// A pair of tags that is open.
struct Frame {
    kind: Kind,
    /// What stood before it in the one around.
    before: String,
}

/// What is made of the page.
pub(super) struct Page<'a> {
    /// Since the last frame opened.
    out: String,
    frames: Vec<Frame>,
    /// How many tags are open beyond those in `frames`.
    deeper: usize,
    /// For each list, the number of its next item; none if its items have no numbers.
    lists: Vec<Option<usize>>,
    opened: &'a Open<'a>,
}

impl<'a> Page<'a> {
    pub(super) fn new(opened: &'a Open<'a>) -> Self {
        Self { out: String::new(), frames: Vec::new(), deeper: 0, lists: Vec::new(), opened }
    }

    pub(super) fn finish(mut self) -> String {
        self.deeper = 0;
        while !self.frames.is_empty() {
            self.close();
        }
        self.out.trim().to_owned()
    }

    pub(super) fn words(&mut self, words: &str) {
        if self.is_in_code() {
            self.out.push_str(words);
            return;
        }
        // A run of blanks is one, and none at the beginning of a line.
        let mut after_blank = self.is_after_blank();
        let mut line = String::with_capacity(words.len());
        for c in words.chars() {
            let is_blank = c.is_whitespace();
            if !(is_blank && after_blank) {
                line.push(if is_blank { ' ' } else { c });
            }
            after_blank = is_blank;
        }
        let line = escaped(&line);
        self.apart(&line);
        self.out.push_str(&line);
    }

    pub(super) fn tag(&mut self, tag: &Tag<'_>) {
        let closes = tag.closes();
        match tag.name() {
            "b" | "strong" => self.pair(closes, |page| page.mark("**")),
            "i" | "em" => self.pair(closes, |page| page.mark("*")),
            "code" => self.pair(closes, |page| page.allowed(Kind::Code)),
            "a" => self.pair(closes, |page| {
                let address = tag.attribute("href").and_then(|address| (page.opened)(&address));
                address.map_or(Kind::Bare, |address| page.allowed(Kind::Link(address)))
            }),
            "pre" => self.pair(closes, |page| page.allowed(Kind::Lines)),
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => self.pair(closes, |_| Kind::Heading),
            "blockquote" => self.pair(closes, |_| Kind::Quote),
            "li" => self.pair(closes, Self::item),
            "td" | "th" => self.pair(closes, |_| Kind::Cell),
            "ul" | "ol" if closes => {
                self.lists.pop();
                self.block();
            }
            "ul" => self.list(None),
            "ol" => self.list(Some(1)),
            "br" => self.broken_line(),
            "hr" => self.rule(),
            "tr" => self.line(),
            "p" | "div" | "table" | "caption" => self.block(),
            "img" => self.picture(tag),
            _ => {}
        }
    }

    /// Opens or closes a frame. The sanitiser closes what it opens, the last one first.
    fn pair(&mut self, closes: bool, kind: impl FnOnce(&mut Self) -> Kind) {
        if closes {
            self.close();
            return;
        }
        let kind = kind(self);
        if self.frames.len() < FRAMES_MAX {
            let before = std::mem::take(&mut self.out);
            self.frames.push(Frame { kind, before });
            return;
        }
        self.deeper += 1;
        if !kind.is_inline() {
            self.block();
        }
    }

    fn close(&mut self) {
        if self.deeper > 0 {
            self.deeper -= 1;
            return;
        }
        let Some(Frame { kind, before }) = self.frames.pop() else { return };
        let inner = std::mem::replace(&mut self.out, before);
        match kind {
            // There each blank counts.
            Kind::Bare if self.is_in_code() => self.out.push_str(&inner),
            Kind::Bare => self.inline(&inner, str::to_owned),
            Kind::Mark(mark) => self.inline(&inner, |words| emphasised(words, mark)),
            Kind::Code => self.inline(&inner, code),
            Kind::Link(address) => {
                let words = if inner.trim().is_empty() { escaped(&address) } else { inner };
                self.inline(&words, |words| link(&in_one_line(words), &address));
            }
            Kind::Lines => self.set_off(&lines(&inner)),
            Kind::Quote if self.is_in_link() => self.set_off(inner.trim()),
            Kind::Quote => self.set_off(&quoted(inner.trim())),
            Kind::Heading => {
                let words = in_one_line(&inner);
                let sign = if self.is_in_link() || words.is_empty() { "" } else { "### " };
                self.set_off(&format!("{sign}{words}"));
            }
            Kind::Item(number) => self.close_item(number, inner.trim()),
            Kind::Cell => {
                if !self.out.is_empty() && !self.out.ends_with('\n') {
                    self.out.push_str(" \\| ");
                }
                self.out.push_str(&in_one_line(&inner));
            }
        }
    }

    /// Puts words into the line. Blanks at their ends are blanks around them.
    fn inline(&mut self, inner: &str, made: impl FnOnce(&str) -> String) {
        let words = inner.trim();
        let begins = inner.len() - inner.trim_start().len();
        self.blank(&inner[..begins]);
        if words.is_empty() {
            return;
        }
        let made = made(words);
        if made.starts_with('[') && self.out.ends_with('!') {
            // A link behind an exclamation mark is a picture.
            self.out.insert(self.out.len() - 1, '\\');
        }
        self.apart(&made);
        self.out.push_str(&made);
        self.blank(&inner[begins + words.len()..]);
    }

    fn blank(&mut self, blank: &str) {
        if blank.contains("\n\n") {
            self.block();
        } else if blank.contains('\n') {
            self.out.push_str("  \n");
        } else if !blank.is_empty() && !self.is_after_blank() {
            self.out.push(' ');
        }
    }

    /// Keeps a mark from what would hide it: another mark, and a word where there is none between it
    /// and the mark's own words but a sign.
    fn apart(&mut self, next: &str) {
        let mut before = self.out.chars().rev();
        let (last, one_before) = (before.next(), before.next());
        let is_mark = |c: Option<char>| c == Some('*') || c == Some('`');
        let is_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        let is_sign =
            |c: Option<char>| c.is_some_and(|c| !c.is_alphanumeric() && !c.is_whitespace());
        let closed = is_mark(last) && one_before != Some('\\');
        let signs = next.bytes().take_while(|byte| *byte == b'*').count();
        let first = next.chars().next();
        let behind = next[signs..].chars().next();
        let inner = self.out.trim_end_matches('*').chars().next_back();
        let collide = closed && is_mark(first);
        let hides_closing = closed && last == Some('*') && is_sign(inner) && is_word(first);
        let hides_opening = signs > 0 && is_word(last) && is_sign(behind);
        if collide || hides_closing || hides_opening {
            self.out.push(HAIR_SPACE);
        }
    }

    fn mark(&mut self, mark: &'static str) -> Kind {
        if self.any(|kind| matches!(kind, Kind::Mark(open) if *open == mark)) {
            return Kind::Bare;
        }
        self.allowed(Kind::Mark(mark))
    }

    /// Nothing is marked within code, and no link is within another.
    fn allowed(&self, kind: Kind) -> Kind {
        let twice = matches!(kind, Kind::Link(_)) && self.is_in_link();
        if twice || self.is_in_code() { Kind::Bare } else { kind }
    }

    fn any(&self, is: impl Fn(&Kind) -> bool) -> bool {
        self.frames.iter().any(|frame| is(&frame.kind))
    }

    fn is_in_code(&self) -> bool {
        self.any(|kind| matches!(kind, Kind::Code | Kind::Lines))
    }

    fn is_in_link(&self) -> bool {
        self.any(|kind| matches!(kind, Kind::Link(_)))
    }

    /// Whether what is around goes on here.
    fn is_inline(&self) -> bool {
        self.frames.last().is_some_and(|frame| frame.kind.is_inline())
    }

    fn is_after_blank(&self) -> bool {
        if self.out.is_empty() { !self.is_inline() } else { self.out.ends_with([' ', '\n']) }
    }

    /// Begins a line, unless one has just begun.
    fn line(&mut self) {
        if !self.out.is_empty() && !self.out.ends_with('\n') {
            self.out.truncate(self.out.trim_end().len());
            self.out.push_str("  \n");
        }
    }

    /// A line ends here, if one has begun.
    fn broken_line(&mut self) {
        let has_begun = !self.out.is_empty() || self.is_inline();
        if self.is_in_code() {
            self.out.push('\n');
        } else if has_begun && !self.out.ends_with("\n\n") {
            self.out.push_str("  \n");
        }
    }

    /// Begins a paragraph; within code, a line.
    fn block(&mut self) {
        if self.is_in_code() {
            if !self.out.is_empty() && !self.out.ends_with('\n') {
                self.out.push('\n');
            }
            return;
        }
        self.out.truncate(self.out.trim_end().len());
        if !self.out.is_empty() || self.is_inline() {
            self.out.push_str("\n\n");
        }
    }

    /// Puts what is a block of its own into its place.
    fn set_off(&mut self, words: &str) {
        self.block();
        if !words.is_empty() {
            self.out.push_str(words);
            self.out.push_str("\n\n");
        }
    }

    fn rule(&mut self) {
        let is_drawn = !self.is_in_link();
        self.set_off(if is_drawn { "---" } else { "" });
    }

    /// A list within an item begins below its words.
    fn list(&mut self, number: Option<usize>) {
        let in_item = self.frames.last().is_some_and(|frame| matches!(frame.kind, Kind::Item(_)));
        if !in_item {
            self.block();
        }
        self.lists.push(number);
    }

    fn item(&mut self) -> Kind {
        let Some(Some(next)) = self.lists.last_mut() else { return Kind::Item(None) };
        *next += 1;
        Kind::Item(Some(*next - 1))
    }

    fn close_item(&mut self, number: Option<usize>, words: &str) {
        if words.is_empty() {
            return;
        }
        if !self.out.is_empty() && !self.out.ends_with("\n\n") {
            self.out.truncate(self.out.trim_end().len());
            self.out.push('\n');
        }
        if !self.is_in_link() {
            let sign = number.map_or_else(|| "- ".to_owned(), |number| format!("{number}. "));
            self.out.push_str(&sign);
        }
        let items = self.frames.iter().filter(|frame| matches!(frame.kind, Kind::Item(_)));
        let indent = if items.count() < DEPTH_MAX { INDENT } else { "" };
        self.out.push_str(&with_lines_after(words, indent, ""));
        self.out.push('\n');
    }

    fn picture(&mut self, tag: &Tag<'_>) {
        let alt = tag.attribute("alt").unwrap_or_default();
        let in_code = self.is_in_code();
        let alt = if in_code { alt } else { escaped(&alt) };
        match tag.attribute("src").and_then(|address| (self.opened)(&address)) {
            Some(address) if !in_code => {
                self.out.extend(["![", &alt, "](", &destination(&address), ")"]);
            }
            Some(_) | None => self.out.push_str(&alt),
        }
    }
}
