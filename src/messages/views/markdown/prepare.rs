//! Takes from a text what `CommonMark` would make of it although nobody means it so in a chat.

/// The text with backslashes before signs that are meant as they stand, and with blank lines where people see an end:
///
/// - `# tag`, and lines of `---`, `===` or `***`, make no headings and no rules;
/// - `[note]: hello`, which defines a link and would vanish, stays;
/// - `1986. A great year` begins no list, unless it goes on with one;
/// - a line after a quote or a list that does not go on with it stands by itself.
///
/// What is between fences (```` ``` ````) is left alone. The places of the backslashes come along: where the parser takes
/// one for a part of the text, it is left out again.
pub(super) fn prepare(text: &str) -> (String, Vec<usize>) {
    let mut out = String::with_capacity(text.len() + 16);
    let mut escapes = Vec::new();
    let mut fence: Option<Fence> = None;
    let mut before = Line::Blank;
    let mut at = 0;
    let mut closings = Closings::default();
    for line in text.split_inclusive('\n') {
        let begin = at;
        at += line.len();
        let content = line.trim_start_matches([' ', '\t']);
        let indent = line.len() - content.len();
        let fenced = fence.take().filter(|fence| fence.goes_on(content, indent));
        if let Some(open) = fenced {
            if !open.is_closed_by(content) {
                fence = Some(open);
            }
            out.push_str(line);
            before = Line::Other;
            continue;
        }
        let kind = Line::of(content);
        let goes_on = match before {
            Line::Quote => kind == Line::Quote,
            Line::Bullet | Line::Ordered => kind != Line::Other || indent > 0,
            Line::Other | Line::Blank => true,
        };
        if !goes_on && kind != Line::Blank {
            out.push('\n');
        }
        let markers = markers(content);
        let inner = &content[markers..];
        // Indented that far it is no fence, but where a list goes on.
        let is_code = indent >= 4 && !matches!(before, Line::Bullet | Line::Ordered);
        fence = Fence::opened_by(inner, kind).filter(|_| !is_code);
        out.push_str(&line[..indent + markers]);
        let is_number = kind == Line::Ordered && before != Line::Ordered && !begins_with_one(content);
        if fence.is_none() && (markers == 0 && is_number || is_bare_number(inner)) {
            let sign = inner.trim_start_matches(|c: char| c.is_ascii_digit());
            out.push_str(&inner[..inner.len() - sign.len()]);
            escapes.push(out.len());
            out.push('\\');
            out.push_str(sign);
            before = if markers == 0 { Line::Other } else { kind };
            continue;
        }
        let defines = inner.starts_with('[') && closings.defines_link(text, begin + indent + markers);
        if fence.is_none() && (is_heading(inner) || is_rule(inner) || defines) {
            escapes.push(out.len());
            out.push('\\');
        }
        out.push_str(inner);
        before = match kind {
            // A list that goes on below its item's first line.
            Line::Other if indent > 0 && matches!(before, Line::Bullet | Line::Ordered) => before,
            kind => kind,
        };
    }
    (out, escapes)
}

/// So many quotes and items that begin on one line are looked into.
const MOST_MARKERS: usize = 20;

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    Blank,
    Quote,
    Bullet,
    Ordered,
    Other,
}

impl Line {
    fn of(content: &str) -> Self {
        if content.trim_end().is_empty() {
            return Self::Blank;
        }
        if content.starts_with('>') {
            return Self::Quote;
        }
        match marker(content) {
            0 => Self::Other,
            _ if content.starts_with(|c: char| c.is_ascii_digit()) => Self::Ordered,
            _ => Self::Bullet,
        }
    }
}

/// How long the sign is with which an item of a list begins, with the space after it; 0 where none does.
fn marker(content: &str) -> usize {
    let digits = content.bytes().take_while(u8::is_ascii_digit).count();
    let sign = match content.as_bytes().get(digits) {
        Some(b'-' | b'+' | b'*') if digits == 0 => 1,
        Some(b'.' | b')') if (1..=9).contains(&digits) => digits + 1,
        _ => return 0,
    };
    let is_followed = content[sign..].starts_with([' ', '\t']) && !content[sign..].trim().is_empty();
    if is_followed { sign + 1 } else { 0 }
}

/// How long the signs of quotes and items are that stand before the line's own text.
fn markers(content: &str) -> usize {
    let mut at = 0;
    for _ in 0..MOST_MARKERS {
        let rest = &content[at..];
        let next = match rest.strip_prefix('>') {
            Some(quoted) => 1 + usize::from(quoted.starts_with(' ')),
            None if is_rule(rest) => 0,
            // The first number of a list is judged by the caller.
            None if at == 0 && rest.starts_with(|c: char| c.is_ascii_digit()) && !begins_with_one(rest) => 0,
            None => marker(rest),
        };
        if next == 0 {
            break;
        }
        at += next;
    }
    at
}

fn begins_with_one(content: &str) -> bool {
    content.trim_start_matches('0').starts_with('1')
        && !content.trim_start_matches('0')[1..].starts_with(|c: char| c.is_ascii_digit())
}

/// A number with the sign of an item, and nothing after it.
fn is_bare_number(content: &str) -> bool {
    let line = content.trim_end();
    let digits = line.strip_suffix(['.', ')']).unwrap_or_default();
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// What a block of code stands between.
struct Fence {
    sign: char,
    length: usize,
    /// The line on which it begins: a quote, an item of a list, or neither.
    kind: Line,
}

impl Fence {
    /// The fence that begins with this text.
    fn opened_by(content: &str, kind: Line) -> Option<Self> {
        let sign = content.chars().next().filter(|c| matches!(c, '`' | '~'))?;
        let length = content.chars().take_while(|c| *c == sign).count();
        let info = &content[length..];
        let opens = length >= 3 && !(sign == '`' && info.contains('`'));
        opens.then_some(Self { sign, length, kind })
    }

    /// Whether the block goes on at this line: it ends with the quote or the item in which it began.
    fn goes_on(&self, content: &str, indent: usize) -> bool {
        match self.kind {
            Line::Quote => content.starts_with('>'),
            Line::Bullet | Line::Ordered => indent > 0 || content.trim_end().is_empty(),
            Line::Other | Line::Blank => true,
        }
    }

    fn is_closed_by(&self, content: &str) -> bool {
        let line = content.trim_start_matches(['>', ' ']).trim_end();
        line.len() >= self.length && line.chars().all(|c| c == self.sign)
    }
}

/// `# …`, by which a heading begins.
fn is_heading(content: &str) -> bool {
    let rest = content.trim_start_matches('#');
    let level = content.len() - rest.len();
    (1..=6).contains(&level) && (rest.is_empty() || rest.starts_with([' ', '\t', '\n', '\r']))
}

/// A line of `-`, `+`, `=`, `*` or `_` alone: a rule, an empty item, or what makes the line above it a heading.
fn is_rule(content: &str) -> bool {
    let line = content.trim_end();
    let Some(sign) = line.chars().next().filter(|c| matches!(c, '-' | '+' | '=' | '*' | '_')) else {
        return false;
    };
    line.chars().all(|c| c == sign || c == ' ' || c == '\t')
}

/// Where brackets close, each place looked for once.
#[derive(Default)]
struct Closings {
    /// The first that closes from where it was looked for last; the end of the text if none does.
    next: usize,
}

impl Closings {
    /// Whether the bracket that opens at that place closes with `]:`.
    fn defines_link(&mut self, text: &str, open: usize) -> bool {
        if self.next <= open {
            let mut is_escaped = false;
            let closes = text[open..].bytes().position(|byte| {
                let is_close = byte == b']' && !is_escaped;
                is_escaped = byte == b'\\' && !is_escaped;
                is_close
            });
            self.next = closes.map_or(text.len(), |at| open + at);
        }
        text[self.next..].starts_with("]:")
    }
}
