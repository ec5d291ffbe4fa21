//! The administration's jobs: those that were given up, and why.

use chrono::{DateTime, Utc};
use maud::{Markup, html};
use uuid::Uuid;

use super::{Tab, page};
use crate::chat::Shell;
use crate::web::Ctx;
use crate::web::components::{chip, csrf_field, empty_state};
use crate::web::lists::{list_head, show_more};
use crate::web::words::{ago, counted};

/// What the jobs page shows.
#[derive(Debug)]
pub struct JobsPage {
    /// How many jobs were given up.
    pub total: i64,
    /// This page of them.
    pub rows: Vec<JobRow>,
    /// `?after=` of the next page, if there is one.
    pub after: Option<String>,
    /// When the page is drawn.
    pub now: DateTime<Utc>,
}

/// A job that was given up.
#[derive(Debug)]
pub struct JobRow {
    /// Which one.
    pub id: Uuid,
    /// What was to be done.
    pub what: String,
    /// The address of a mail.
    pub to: Option<String>,
    /// How often it was tried.
    pub attempts: i32,
    /// Why it failed.
    pub error: String,
    /// Whether it is of no use any more: the link in a mail is dead.
    pub is_too_late: bool,
    /// When it was given up.
    pub at: DateTime<Utc>,
}

/// The page.
pub fn jobs_page(shell: &Shell<'_>, data: &JobsPage) -> Markup {
    page(shell, Tab::Jobs, &job_list(shell.ctx, data))
}

/// The list alone, in which a job is tried again or discarded.
pub fn job_list(ctx: &Ctx, data: &JobsPage) -> Markup {
    html! {
        section #jobs class="mx-auto w-full max-w-215" aria-labelledby="jobs-title" {
            (list_head("jobs-title", "Given up", data.total, &html! {}))
            @if data.rows.is_empty() {
                div.card { (empty_state("Everything is done", "A mail that cannot be sent is tried six times within 15 hours, one with a link only as long as the link is good. If that does not help, it stands here for 30 days.", &html! {})) }
            } @else {
                ul.card.card-list { @for job in &data.rows { (row(ctx, job, data.now)) } }
            }
            (show_more("/admin/jobs", &[], data.after.as_deref()))
        }
    }
}

fn row(ctx: &Ctx, job: &JobRow, now: DateTime<Utc>) -> Markup {
    html! {
        li class="@max-[640px]:flex-wrap" {
            div class="min-w-0 flex-1 @max-[640px]:basis-full" {
                p class="font-600 wrap-anywhere" { (job.what) }
                p class="mt-0.5 text-13 wrap-anywhere text-t3" {
                    @if let Some(to) = &job.to { "to " (to) " · " }
                    (counted(job.attempts.into(), "attempt", "attempts")) ", the last " (ago(job.at, now))
                }
                p class="mt-0.5 text-13 wrap-anywhere text-t2" { "Last error: " (job.error) }
                @if job.is_too_late {
                    p class="mt-0.5 text-13 text-t2" { "The link in it is dead by now: whoever still needs one asks for another." }
                }
            }
            @if job.is_too_late { (chip("warn", "Too late")) }
            @else { (button(ctx, job, "retry", "Try again", "secondary")) }
            (button(ctx, job, "discard", "Discard", "quiet-danger"))
        }
    }
}

fn button(ctx: &Ctx, job: &JobRow, verb: &str, name: &str, kind: &str) -> Markup {
    let path = format!("/admin/jobs/{}/{verb}", job.id);
    html! {
        form class="flex-none" method="post" action=(path) hx-post=(path) hx-target="#jobs" hx-swap="outerHTML" {
            (csrf_field(ctx))
            button id={ (verb) "-" (job.id) } .button.small.(kind) type="submit" aria-label={ (name) ": " (job.what) } { (name) }
        }
    }
}
