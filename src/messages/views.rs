//! Messages as HTML. One function draws a message for the page, for older history, for a socket push and for a
//! catch-up: the fragment is the same for every reader. What makes a message "mine" is the style sheet
//! `/chat/me.css`, made per person.

mod attaching;
mod editing;
pub mod files;
pub mod markdown;
pub mod reactions;

use chrono::{DateTime, Utc};
use maud::{Markup, html};

use super::model::{History, Item, MAX_CHARS, MessageView, Quote, Quoted};
use crate::accounts::model::Author;
use crate::accounts::views::{linked_names, names};
use crate::ids::{ClientId, RoomId, Seq, UserId};
use crate::rooms::model::path;
use crate::rooms::views::event;
use crate::web::Ctx;
use crate::web::components::{avatar, csrf_field, hue, time};
use crate::web::icons::icon;

use markdown::{Kind, Rendered, render};

pub use attaching::{drop_hint, lightbox};
pub use editing::{Edit, delete_question, editor};

/// A stored message.
pub fn message(message: &MessageView) -> Markup {
    html! {
        li id={ "m-" (message.seq) } class={ "message" @if message.continued { " continued" } }
            data-seq=(message.seq) data-change=(message.change) data-author=(message.author.id) data-client=(message.client_id)
        {
            @if message.new_day { (day(message.created_at)) }
            @if !message.continued { (avatar(message.author.face(), 36)) }
            @if message.continued {
                b.author { (names(&message.author)) }
            } @else {
                (linked_names(&message.author))
            }
            a.at href={ "?around=" (message.seq) "#m-" (message.seq) } tabindex="-1" { (time(&message.created_at)) }
            @if let Some(body) = &message.body {
                (text(body, message))
                @if let Some(at) = &message.edited_at { p.edited { "edited " (time(at)) } }
                @if !message.reactions.is_empty() { (reactions::reactions(message.seq, &message.reactions)) }
            } @else if message.is_deleted {
                p class="body lost" { (icon("trash-2")) "Message deleted" }
            } @else {
                p class="body lost" { "Message could not be decrypted" }
            }
        }
    }
}

/// The text of a message, after what it answers.
fn text(body: &str, message: &MessageView) -> Markup {
    let Rendered { html, kind } = render(body, &message.mentions);
    let quote = html! { @if let Some(quote) = &message.quote { (quoting(quote)) } };
    if !message.files.is_empty() {
        return html! {
            div class="body space-y-1.5" dir="auto" {
                (quote)
                @if !body.is_empty() { div { (html) } }
                (files::files(&message.files))
            }
        };
    }
    let inner = html! { (quote) (html) };
    html! {
        @match kind {
            Kind::Lines => p.body dir="auto" { (inner) },
            Kind::Emoji => p class="body border-0! bg-transparent! px-0! text-[2.375rem]/[2.875rem]" dir="auto" { (inner) },
            Kind::Blocks => div class="body space-y-1" dir="auto" { (inner) },
        }
    }
}

/// What a message answers: a link to it.
fn quoting(quote: &Quote) -> Markup {
    let author = quote.shown.as_ref().map(|quoted| quoted.author.id);
    html! {
        a href={ "?around=" (quote.seq) "#m-" (quote.seq) } data-quoted=(quote.seq) data-author=[author]
            class={ "quote flex max-w-fit min-w-0 gap-1.5 border-s-2 border-quote ps-2 text-13 text-t2 no-underline hover:underline" @if let Some(id) = author { " hue-" (hue(id)) } }
        {
            @match &quote.shown { Some(quoted) => (quotation(quoted)), None => "An earlier message" }
        }
    }
}

/// How a quoted message stands: the script puts it wherever that message is quoted.
pub fn quotation(quoted: &Quoted) -> Markup {
    let Quoted {
        author,
        text,
        is_deleted,
    } = quoted;
    html! {
        b class="author max-w-1/2 flex-none truncate font-600 text-quote" { bdi { (author.name) } }
        span class="min-w-0 truncate" dir="auto" { @match text { Some(text) => (text), None if *is_deleted => i { "Message deleted" }, None => i { "Message could not be decrypted" } } }
    }
}

/// What stands above the text in the composer while it answers a message.
pub fn answered(slug: &str, quote: &Quote) -> Markup {
    html! {
        p #answered class="flex w-full items-center gap-2 text-13 text-t2" {
            input type="hidden" name="reply_to" value=(quote.seq);
            (icon("reply")) span class="min-w-0 flex-1" { (quoting(quote)) }
            a.icon-button data-cancel href=(path(slug)) aria-label="Do not answer it" title="Do not answer it" { (icon("x")) }
        }
    }
}

/// A message or an event, whichever it is.
pub fn item(item: &Item) -> Markup {
    match item {
        Item::Message(view) | Item::Altered(view) => message(view),
        Item::Event(room_event) => event(room_event),
    }
}

/// Where what somebody has not read begins.
#[derive(Debug, Clone, Copy)]
pub struct UnreadLine {
    /// Who.
    pub reader: UserId,
    /// The last message that they have read.
    pub read: Seq,
    /// How many of others follow it; 100 stands for more.
    pub count: i64,
}

impl UnreadLine {
    /// The item before which the line stands.
    fn place(self, history: &History) -> Option<usize> {
        let is_new = |one: &Item| match one {
            Item::Message(message) => {
                message.seq > self.read && message.author.id != self.reader && !message.is_deleted
            }
            Item::Altered(_) | Item::Event(_) => false,
        };
        history.items.iter().position(is_new).filter(|_| self.count > 0)
    }
}

/// A page of the stream, oldest first, between the ways to what is older and newer.
pub fn history(slug: &str, room: RoomId, history: &History, unread: Option<UnreadLine>) -> Markup {
    let line = unread.and_then(|line| Some((line.place(history)?, line.count)));
    html! {
        @if let Some(older) = history.older {
            @let address = format!("{}/messages?{}&room={room}", path(slug), older.query());
            li #older .older hx-get=(address) hx-trigger="intersect once root:#scroller rootMargin:200px"
                hx-swap="outerHTML" hx-target="this"
            {
                a href=(address) { "Older messages" }
            }
        }
        @for (place, one) in history.items.iter().enumerate() {
            @if let (Some((_, count)), Item::Message(message)) = (line.filter(|(at, _)| *at == place), one) {
                (unread_line(message.seq, count))
            }
            (item(one))
        }
        @if let Some(newer) = history.newer {
            @let address = format!("{}/messages?after={newer}&room={room}", path(slug));
            // With script it takes no space, so that nothing moves when the end is reached.
            li #newer class="older [@media(scripting:enabled)]:h-0 [@media(scripting:enabled)]:overflow-hidden [@media(scripting:enabled)]:min-h-0 [@media(scripting:enabled)]:p-0" data-after=(newer) hx-get=(address) hx-trigger="intersect once root:#scroller rootMargin:200px"
                hx-swap="outerHTML" hx-target="this"
            {
                a href=(address) { "Newer messages" }
            }
        }
    }
}

/// The line has the number of the message before which it stands, by which what comes finds its place.
fn unread_line(seq: Seq, count: i64) -> Markup {
    let shown = match count {
        1 => "1 new message".to_owned(),
        2..=99 => format!("{count} new messages"),
        _ => "99+ new messages".to_owned(),
    };
    html! {
        li #unread-line data-seq=(seq) class="flex items-center gap-3 py-2 text-12 font-600 text-accent before:h-px before:flex-1 before:bg-accent/40 before:content-[''] after:h-px after:flex-1 after:bg-accent/40 after:content-['']" { (shown) }
    }
}

/// What the script clones for a message that is on its way; a failed one gets the class `failed` and its reason.
pub fn pending(author: &Author) -> Markup {
    html! {
        li class="message pending" data-author=(author.id) data-client="" {
            b.author { (names(author)) }
            span.at { time {} }
            p.body dir="auto" {}
            div.note {
                span.reason role="status" {}
                button.retry type="button" { "Try again" }
                button.discard type="button" { "Discard" }
            }
        }
    }
}

/// The menu of whichever message is looked at: the script moves the one of a page there, and loads what is in it.
pub fn menu_opener() -> Markup {
    html! {
        details class="popup absolute! end-0 -top-3 row-start-2 z-10 opacity-0 focus-within:opacity-100 open:opacity-100 [.message:hover>&]:opacity-100" {
            summary class="icon-button border border-line bg-s3 shadow-1" aria-label="What to do with this message" { (icon("ellipsis")) }
            div.menu {}
        }
    }
}

/// What of it depends on who somebody is, and on the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Answering it, and reacting to it.
    Reply,
    /// Seeing who reacts to it.
    SeeReactions,
    /// Changing it.
    Edit,
    /// Deleting it.
    Delete,
}

/// What somebody can do with a message.
pub fn menu(ctx: &Ctx, slug: &str, seq: Seq, possible: &[Action]) -> Markup {
    let room = path(slug);
    let (message, unread) = (format!("{room}/messages/{seq}"), format!("{room}/unread"));
    html! {
        @if possible.contains(&Action::Reply) {
            (reactions::usual(ctx, slug, seq))
            a href={ (message) "/reply" } hx-get={ (message) "/reply" } hx-target="#answering" hx-swap="innerHTML" { (icon("reply")) span.label { "Reply" } }
        }
        @if possible.contains(&Action::Edit) {
            a href={ (message) "/edit" } hx-get={ (message) "/edit" } hx-target="#editing" hx-swap="innerHTML" { (icon("pencil")) span.label { "Edit" } }
        }
        @if possible.contains(&Action::SeeReactions) {
            a href={ (message) "/reactions" } hx-get={ (message) "/reactions" } hx-target="#dialog" { (icon("smile")) span.label { "Who reacts" } }
        }
        a href={ (room) "/m/" (seq) } { (icon("link")) span.label { "Link to it" } }
        form method="post" action=(unread) hx-post=(unread) hx-swap="none" {
            (csrf_field(ctx))
            input type="hidden" name="seq" value=(seq);
            button type="submit" data-busy="One moment" { (icon("mail-open")) span.label { "Mark as unread from here" } }
        }
        @if possible.contains(&Action::Delete) {
            a.quiet-danger href={ (message) "/delete" } hx-get={ (message) "/delete" } hx-target="#dialog" { (icon("trash-2")) span.label { "Delete" } }
        }
    }
}

/// What stands in the composer: what was typed, and why it was not sent.
#[derive(Debug, Clone, Copy)]
pub struct Draft<'a> {
    /// The room that it is meant for, whatever the address means by the time it comes.
    pub room: Option<RoomId>,
    /// The text.
    pub body: &'a str,
    /// The id that it will be stored under, once, however often the form is sent. The script makes its own.
    pub client_id: ClientId,
    /// A sentence that says what to do about it, for a page without script.
    pub error: Option<&'a str>,
    /// The message that it answers.
    pub reply: Option<&'a Quote>,
    /// The message that is changed instead.
    pub edit: Option<Edit<'a>>,
}

impl Default for Draft<'_> {
    fn default() -> Self {
        Self {
            room: None,
            body: "",
            client_id: ClientId::new(),
            error: None,
            reply: None,
            edit: None,
        }
    }
}

/// The form to write in, and above it the place of the one to change a message, which hides it. Files of so many bytes may
/// go along, or none.
pub fn composer(ctx: &Ctx, slug: &str, title: &str, draft: Draft<'_>, max_upload: Option<u64>) -> Markup {
    let Draft {
        room,
        body,
        client_id,
        error,
        reply,
        edit,
    } = draft;
    html! {
        div #editing class="contents [&:has(form)+form]:hidden" { @if let Some(edit) = edit { (editor(ctx, slug, edit)) } }
        form #composer .composer method="post" action={ "/chat/room/" (slug) "/messages" } {
            (csrf_field(ctx))
            input type="hidden" name="client_id" value=(client_id) autocomplete="off";
            @if let Some(room) = room { input type="hidden" name="room" value=(room); }
            div class="composer-box relative flex-wrap" {
                div #answering class="contents" { @if let Some(quote) = reply { (answered(slug, quote)) } }
                @if let Some(max_upload) = max_upload {
                    (attaching::tray(max_upload))
                    (attaching::attach_button(slug))
                    (reactions::emoji_button())
                }
                label.visually-hidden for="composer-body" { "Message " (title) }
                textarea #composer-body name="body" rows="1" required dir="auto" data-max=(MAX_CHARS)
                    enterkeyhint="enter" placeholder={ "Message " (title) }
                    aria-invalid=[error.map(|_| "true")] aria-describedby="composer-error" { "\n" (body) }
                button.send type="submit" aria-label="Send" { (icon("arrow-up")) }
            }
            p #composer-error role="alert" class="px-4 pt-1.5 text-13 text-bad empty:hidden" { @if let Some(error) = error { (error) } }
        }
    }
}

/// The chip before the first message of a day. The script draws the moon of that day into it.
fn day(at: DateTime<Utc>) -> Markup {
    html! {
        div.day {
            time datetime=(at.format("%Y-%m-%d")) { (at.format("%A, %-d %B %Y")) }
        }
    }
}
