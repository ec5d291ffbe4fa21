//! Where I am logged in.

use chrono::{DateTime, Utc};
use maud::{Markup, html};

use super::heading;
use crate::accounts::model::Device;
use crate::accounts::queries::{OwnSession, ReplayedSession};
use crate::ids::SessionId;
use crate::web::Ctx;
use crate::web::components::{chip, csrf_field, date_and_time};
use crate::web::icons::icon;
use crate::web::session::Lifetime;
use crate::web::words::ago;

/// What the section shows.
#[derive(Debug)]
pub struct SessionsPage {
    /// The one in which it is looked at.
    pub current: SessionId,
    /// A page of them, newest first.
    pub sessions: Vec<OwnSession>,
    /// Log-ins of programs that ended because a token was used a second time, newest first.
    pub replayed: Vec<ReplayedSession>,
    /// `?before=` of the next page, if there is one.
    pub before: Option<SessionId>,
    /// When it is looked at.
    pub now: DateTime<Utc>,
}

/// The section: this device, then the others.
pub fn sessions(ctx: &Ctx, page: &SessionsPage) -> Markup {
    let (here, others): (Vec<_>, Vec<_>) = page.sessions.iter().partition(|session| session.id == page.current);
    html! {
        div #sessions class="grid gap-6" {
            (heading("Sessions", "The devices and programs where you are logged in. Ending one closes it at once."))
            @for session in &page.replayed { (replayed(session)) }
            @if !here.is_empty() {
                ul.card.card-list { @for session in here { (row(ctx, session, page.now, (session.id == page.current, "/settings/sessions", "#sessions"))) } }
            }
            section class="grid gap-3" aria-labelledby="others-title" {
                div class="flex min-h-9.5 flex-wrap items-center justify-between gap-2.5" {
                    h2 #others-title tabindex="-1" { "Other devices and programs" }
                    @if !others.is_empty() {
                        form method="post" action="/settings/sessions/end-others" hx-post="/settings/sessions/end-others" hx-target="#sessions" hx-swap="outerHTML" {
                            (csrf_field(ctx))
                            button #end-others class="button small quiet-danger" type="submit" data-busy="Ending" { (icon("log-out")) span.label { "End all others" } }
                        }
                    }
                }
                @if others.is_empty() {
                    p class="text-t2" { "You are logged in nowhere else." }
                } @else {
                    ul.card.card-list { @for session in others { (row(ctx, session, page.now, (session.id == page.current, "/settings/sessions", "#sessions"))) } }
                }
                @if let Some(before) = page.before {
                    p class="mt-1 text-center" { a.button.secondary href={ "/settings/sessions?before=" (before) } { "Show more" } }
                }
            }
        }
    }
}

/// A log-in, with a button that ends it: `(is_current, path, target)` are whether it is this one, what its address begins with,
/// and the element that the answer replaces.
pub(super) fn row(
    ctx: &Ctx,
    session: &OwnSession,
    now: DateTime<Utc>,
    (is_current, path, target): (bool, &str, &str),
) -> Markup {
    let is_program = session.lifetime == Lifetime::Program;
    let device = Device::of(&session.device);
    let (sign, name) = match device.is_mobile {
        _ if is_program => ("terminal", program_name(&session.device)),
        true => ("smartphone", device.name.as_str()),
        false => ("monitor", device.name.as_str()),
    };
    let path = format!("{path}/{}/end", session.id);
    html! {
        li id={ "session-" (session.id) } {
            span.tile { (icon(sign)) }
            div class="min-w-0 flex-1" {
                p class="font-600 wrap-anywhere" { (name) }
                p class="mt-0.5 text-13 wrap-anywhere text-t3" {
                    "Logged in "
                    (date_and_time(&session.created_at))
                    @if let Some(address) = &session.address { " from " (address) }
                }
                p class="mt-0.5 text-13 text-t3" {
                    @if !is_current { "Last used " (last_use(session.last_used_at, now)) " · " }
                    @match session.lifetime {
                        Lifetime::Program => { "a program" }
                        Lifetime::Device => { "stays logged in" }
                        Lifetime::Browser => { "until the browser closes" }
                    }
                }
            }
            @if is_current {
                (chip("ok", "This device"))
            } @else {
                form method="post" action=(path) hx-post=(path) hx-target=(target) hx-swap="outerHTML" {
                    (csrf_field(ctx))
                    button.button.small.secondary type="submit" data-busy="Ending" aria-label={ "End " (name) } { span.label { "End" } }
                }
            }
        }
    }
}

/// What a program calls itself.
fn program_name(device: &str) -> &str {
    if device.trim().is_empty() {
        "A program without a name"
    } else {
        device
    }
}

/// Says that a program's log-in was ended to be safe.
fn replayed(session: &ReplayedSession) -> Markup {
    let text = html! {
        "The log-in of a program (" (program_name(&session.device)) ") ended on " (date_and_time(&session.replayed_at))
        ", because a token of it was used a second time: somebody may have copied it. If you do not know why, "
        a href="/settings/password" { "change your password" } "."
    };
    html! { div.alert.warn role="status" { (icon("triangle-alert")) p { (text) } } }
}

/// The last use is noted once an hour, so nothing finer is said.
pub(super) fn last_use(at: DateTime<Utc>, now: DateTime<Utc>) -> Markup {
    if (now - at).num_minutes() < 60 {
        html! { "within the last hour" }
    } else {
        ago(at, now)
    }
}
