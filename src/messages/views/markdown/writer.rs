//! What the parser has found as HTML, and which links lead somewhere.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use linkify::{LinkFinder, LinkKind};
use pulldown_cmark::{CodeBlockKind, Event, LinkType, Tag, TagEnd};
use url::Url;

use super::{Kind, Rendered, mentions};
use crate::messages::model::Mention;
use crate::text::is_visible;
use crate::web::html::HtmlWriter;
use crate::web::icons::icon;

/// Lists and quotes stand in each other up to this depth; deeper ones stand at this one.
const MAX_DEPTH: usize = 8;
/// Bytes of a word that may be a link without a scheme.
const MAX_WORD: usize = 300;

/// Builds the HTML of the events, in their order.
pub(super) struct Writer<'a> {
    source: &'a str,
    /// Where a backslash stands that nobody typed.
    escapes: &'a [usize],
    /// Whom the text names, by the keys of their usernames.
    mentioned: HashMap<String, &'a Mention>,
    /// The keys of all that may be somebody's name.
    names: &'a mut Vec<String>,
    out: HtmlWriter,
    /// Texts that follow on each other in the source, until something else comes: links may go across them.
    text: Range<usize>,
    /// Lists and quotes around this place; those beyond [`MAX_DEPTH`] are counted only.
    depth: usize,
    /// Whether this is inside a link, where no other one begins.
    in_link: bool,
    in_code_block: bool,
    /// The end of the last paragraph that stands by itself, and whether there are only such ones.
    paragraph_end: Option<usize>,
    kind: Kind,
}

impl<'a> Writer<'a> {
    pub(super) fn new(
        source: &'a str,
        escapes: &'a [usize],
        mentioned: &'a [Mention],
        names: &'a mut Vec<String>,
    ) -> Self {
        Self {
            source,
            escapes,
            mentioned: mentioned.iter().map(|one| (mentions::key(one), one)).collect(),
            names,
            out: HtmlWriter::with_capacity(source.len() + 64),
            text: 0..0,
            depth: 0,
            in_link: false,
            in_code_block: false,
            paragraph_end: None,
            kind: Kind::Lines,
        }
    }

    pub(super) fn finish(mut self) -> Rendered {
        self.flush();
        Rendered {
            html: self.out.finish(),
            kind: self.kind,
        }
    }

    /// Writes an event. Returns whether all that it begins has been written with it.
    pub(super) fn event(&mut self, event: Event<'_>, range: Range<usize>) -> bool {
        if let Event::Text(_) = event {
            if self.text.end == range.start && !self.text.is_empty() {
                self.text.end = range.end;
            } else {
                self.flush();
                self.text = range;
            }
            return false;
        }
        self.flush();
        match event {
            Event::Start(tag) => return self.start(tag, range),
            Event::End(tag) => self.end(tag, &range),
            Event::Code(code) => {
                self.out
                    .tags(r#"<code class="rounded-chip bg-s3/70 px-1 py-px font-mono text-13">"#);
                match self.typed(range) {
                    Cow::Borrowed(_) => self.out.text(&code),
                    Cow::Owned(typed) => self.out.text(&typed.trim_matches('`').replace('\n', " ")),
                }
                self.out.tags("</code>");
            }
            Event::SoftBreak | Event::HardBreak => {
                self.out.tags("\n");
                if self.depth == 0 {
                    self.out.text(blanks(&self.source[range.end..]));
                }
            }
            // Whatever else there is, HTML above all, is text.
            _ => {
                let typed = self.typed(range);
                self.out.text(&typed);
            }
        }
        false
    }

    fn start(&mut self, tag: Tag<'_>, range: Range<usize>) -> bool {
        match tag {
            Tag::Emphasis => self.out.tags("<em>"),
            Tag::Strong => self.out.tags("<strong>"),
            Tag::Strikethrough => self.out.tags(self.strike(&range, "<s>")),
            Tag::Link {
                link_type, dest_url, ..
            } => return self.link(link_type, &dest_url, range),
            Tag::Image { dest_url, .. } => return self.link(LinkType::Inline, &dest_url, range),
            Tag::Paragraph | Tag::HtmlBlock => self.paragraph(range.start),
            // Nobody means these: they stand as they were typed.
            Tag::Heading { .. } | Tag::CodeBlock(CodeBlockKind::Indented) => {
                self.paragraph(range.start);
                let (end, typed) = (range.end, self.typed(range));
                self.out.text(&typed);
                self.end_paragraph(end);
                return true;
            }
            Tag::CodeBlock(CodeBlockKind::Fenced(language)) => self.code_block(&language),
            Tag::List(first) => {
                let list = first.map_or("<ul class=\"list-disc ps-5\">", |_| "<ol class=\"list-decimal ps-6\">");
                self.container(list);
            }
            Tag::BlockQuote(_) => self.container("<blockquote class=\"border-s-2 border-line-2 ps-3 text-t2\">"),
            Tag::Item => self.item(&self.source[range]),
            _ => {}
        }
        false
    }

    fn end(&mut self, tag: TagEnd, range: &Range<usize>) {
        match tag {
            TagEnd::Emphasis => self.out.tags("</em>"),
            TagEnd::Strong => self.out.tags("</strong>"),
            TagEnd::Strikethrough => self.out.tags(self.strike(range, "</s>")),
            TagEnd::Link | TagEnd::Image => {
                self.in_link = false;
                self.out.tags("</a>");
            }
            TagEnd::CodeBlock if self.in_code_block => {
                self.in_code_block = false;
                self.out.tags("</code></pre></div>");
            }
            TagEnd::Paragraph | TagEnd::HtmlBlock => self.end_paragraph(range.end),
            TagEnd::List(is_ordered) => self.end_container(if is_ordered { "</ol>" } else { "</ul>" }),
            TagEnd::BlockQuote(_) => self.end_container("</blockquote>"),
            TagEnd::Item if self.depth <= MAX_DEPTH => self.out.tags("</li>"),
            _ => {}
        }
    }

    /// Paragraphs that stand by themselves keep the lines between them as they were typed.
    fn paragraph(&mut self, start: usize) {
        if self.depth > 0 || self.kind == Kind::Blocks {
            self.out.tags("<p>");
        } else if let Some(end) = self.paragraph_end {
            let lines = self.source[end..start].matches('\n').count();
            let ended = self.source[..end].ends_with('\n');
            for _ in 0..lines + usize::from(ended) {
                self.out.tags("\n");
            }
        }
        if self.depth == 0 {
            let before = &self.source[..start];
            self.out.text(&before[before.trim_end_matches([' ', '\t']).len()..]);
        }
    }

    fn end_paragraph(&mut self, end: usize) {
        if self.depth > 0 || self.kind == Kind::Blocks {
            self.out.tags("</p>");
        } else {
            self.out.trim_line_ends();
            self.paragraph_end = Some(end);
        }
    }

    /// From the first block on that is no paragraph, everything stands in blocks.
    fn begin_blocks(&mut self) {
        if self.kind != Kind::Blocks {
            self.kind = Kind::Blocks;
            self.out.wrap("<p>", "</p>");
        }
    }

    /// Items of a numbered list have the numbers that were typed.
    fn item(&mut self, item: &str) {
        let digits = item.bytes().take_while(u8::is_ascii_digit).count();
        if self.depth > MAX_DEPTH {
            self.out.tags("\n");
            self.out.text(&item[..(digits + 1).min(item.len())]);
            self.out.tags(" ");
        } else if digits == 0 {
            self.out.tags("<li>");
        } else {
            self.out.tags("<li value=\"");
            self.out.text(&item[..digits]);
            self.out.tags("\">");
        }
    }

    /// What stands there as it was typed.
    fn typed(&self, range: Range<usize>) -> Cow<'a, str> {
        let first = self.escapes.partition_point(|at| *at < range.start);
        let mut begin = range.start;
        let mut typed = Cow::Borrowed("");
        for at in self.escapes[first..].iter().take_while(|at| range.contains(at)) {
            typed.to_mut().push_str(&self.source[begin..*at]);
            begin = at + 1;
        }
        if begin == range.start {
            return Cow::Borrowed(&self.source[range]);
        }
        typed.to_mut().push_str(&self.source[begin..range.end]);
        typed
    }

    fn container(&mut self, element: &'static str) {
        self.begin_blocks();
        self.depth += 1;
        if self.depth <= MAX_DEPTH {
            self.out.tags(element);
        }
    }

    fn end_container(&mut self, element: &'static str) {
        if self.depth <= MAX_DEPTH {
            self.out.tags(element);
        }
        self.depth -= 1;
    }

    /// What stands after the fence is most often the language.
    fn code_block(&mut self, language: &str) {
        self.begin_blocks();
        self.in_code_block = true;
        self.out.tags(concat!(
            r#"<div class="code relative my-1 max-w-full rounded-field border border-line bg-s2 text-t1">"#,
            r#"<div class="flex min-h-8 items-center gap-1 ps-3 text-12 text-t3"><span>"#,
        ));
        self.out.text(language);
        self.out
            .tags(r#"</span><button class="icon-button size-8" type="button" data-copy aria-label="Copy the code" title="Copy">"#);
        self.out.markup(&icon("copy"));
        self.out.tags(concat!(
            "</button></div>",
            r#"<pre class="overflow-x-auto px-3 pb-2.5 font-mono text-13" tabindex="0"><code>"#,
        ));
    }

    /// Only two tildes strike; between single ones, which stand as they are, people write numbers.
    fn strike(&self, range: &Range<usize>, element: &'static str) -> &'static str {
        if self.source[range.start..].starts_with("~~") {
            element
        } else {
            "~"
        }
    }

    /// Begins a link; one that may not lead there is written as it was typed.
    fn link(&mut self, link_type: LinkType, address: &str, range: Range<usize>) -> bool {
        let shown = self.source[range.clone()].split_once("](").map(|(text, _)| text);
        let is_empty = shown.is_some_and(|text| !text.chars().any(|c| is_visible(c) && !matches!(c, '!' | '[')));
        let address = match link_type {
            LinkType::Email => format!("mailto:{address}"),
            _ => address.to_owned(),
        };
        match safe(&address) {
            Some(url) if !self.in_link && !is_empty => {
                self.begin_link(&url);
                self.in_link = true;
                false
            }
            _ => {
                self.out.text(&self.source[range]);
                true
            }
        }
    }

    fn begin_link(&mut self, url: &Url) {
        self.out.tags("<a class=\"underline\" href=\"");
        self.out.text(url.as_str());
        self.out
            .tags("\" target=\"_blank\" rel=\"noopener noreferrer nofollow ugc\">");
    }

    /// Writes the texts that have been gathered, with the links in them.
    fn flush(&mut self) {
        let range = std::mem::take(&mut self.text);
        let text = self.typed(range);
        let text = text.as_ref();
        if self.in_link || self.in_code_block {
            self.out.text(text);
            return;
        }
        if !(text.contains("://") || text.contains("www.")) {
            self.naming(text);
            return;
        }
        let mut plain = 0;
        for word in text.split(char::is_whitespace) {
            let at = word.as_ptr().addr() - text.as_ptr().addr();
            let has_scheme = word.contains("://");
            // Without a scheme, looking for links takes the square of a word's length.
            if has_scheme || word.contains("www.") && word.len() <= MAX_WORD {
                self.naming(&text[plain..at]);
                self.linking(word, has_scheme);
                plain = at + word.len();
            }
        }
        self.naming(&text[plain..]);
    }

    /// Writes a word with the links in it.
    fn linking(&mut self, word: &str, has_scheme: bool) {
        let mut finder = LinkFinder::new();
        finder.kinds(&[LinkKind::Url]).url_must_have_scheme(has_scheme);
        for span in finder.spans(word) {
            let typed = span.as_str();
            let url = match span.kind() {
                Some(_) if has_scheme => safe(typed),
                Some(_) if typed.starts_with("www.") => safe(&format!("https://{typed}")),
                _ => None,
            };
            if let Some(url) = url {
                self.begin_link(&url);
                self.out.text(typed);
                self.out.tags("</a>");
            } else {
                self.naming(typed);
            }
        }
    }

    /// Writes a text without links in it; who is named in it is linked to.
    fn naming(&mut self, text: &str) {
        let mut end = 0;
        for (at, found) in mentions::find(text) {
            for (name, key) in mentions::keys(found) {
                let mention = self.mentioned.get(&key).copied();
                if self.names.len() < mentions::MOST && !self.names.contains(&key) {
                    self.names.push(key);
                }
                let Some(mention) = mention else {
                    continue;
                };
                self.out.text(&text[end..at]);
                end = at + 1 + name.len();
                self.out.markup(&mentions::mark(mention, &text[at..end]));
                break;
            }
        }
        self.out.text(&text[end..]);
    }
}

/// The blanks with which a text begins.
fn blanks(text: &str) -> &str {
    &text[..text.len() - text.trim_start_matches([' ', '\t']).len()]
}

/// The address as a link may have it: of a kind that is safe to follow, and without a name and password before the host,
/// which make an address look like another's. The `url` crate shows a host that is not ASCII in ASCII.
fn safe(address: &str) -> Option<Url> {
    let mut url = Url::parse(address).ok()?;
    if !matches!(url.scheme(), "http" | "https" | "mailto") {
        return None;
    }
    if url.has_host() {
        url.set_username("").ok()?;
        url.set_password(None).ok()?;
    }
    Some(url)
}
