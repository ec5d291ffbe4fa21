//! Jobs that were given up.

use chrono::{DateTime, Utc};
use maud::Markup;
use poem::web::{Data, Path, Query};
use poem::{Request, Response, handler};
use serde::Deserialize;
use uuid::Uuid;

use crate::accounts::Administrator;
use crate::admin::actions;
use crate::admin::views::{self, JobRow, JobsPage};
use crate::chat::{Open, Shell};
use crate::jobs::{GivenUp, Kind};
use crate::web::Ctx;
use crate::web::htmx::{changed, query_of_page};
use crate::web::lists::{limit, page_of};
use crate::{App, Error, Result, jobs, mail};

/// From where on.
#[derive(Default, Deserialize)]
pub struct Page {
    after: Option<Uuid>,
}

/// The jobs, newest first.
#[handler]
pub async fn index(
    app: Data<&App>,
    ctx: Ctx,
    Administrator(user): Administrator,
    Query(page): Query<Page>,
) -> Result<Markup> {
    let shell = Shell::load(&app, &ctx, &user, Open::Admin).await?;
    Ok(views::jobs_page(&shell, &find(&app, page).await?))
}

/// Has one tried again.
#[handler]
pub async fn retry(
    app: Data<&App>,
    ctx: Ctx,
    Administrator(user): Administrator,
    request: &Request,
    Path(id): Path<String>,
) -> Result<Response> {
    actions::retry_job(&app, user.id, parse(&id)?).await?;
    listed(
        &app,
        &ctx,
        request,
        "It is tried again now. If that fails, it comes back here.",
    )
    .await
}

/// Deletes one.
#[handler]
pub async fn destroy(
    app: Data<&App>,
    ctx: Ctx,
    Administrator(user): Administrator,
    request: &Request,
    Path(id): Path<String>,
) -> Result<Response> {
    actions::discard_job(&app, user.id, parse(&id)?).await?;
    listed(&app, &ctx, request, "It is discarded.").await
}

fn parse(id: &str) -> Result<Uuid> {
    Uuid::parse_str(id).map_err(|_| Error::NotFound)
}

async fn listed(app: &App, ctx: &Ctx, request: &Request, notice: &str) -> Result<Response> {
    let list = async { Ok(views::job_list(ctx, &find(app, query_of_page(request)).await?)) };
    changed(ctx, "/admin/jobs", notice, list).await
}

async fn find(app: &App, page: Page) -> Result<JobsPage> {
    let now = app.now();
    let (jobs, after) = page_of(jobs::list_given_up(app, page.after, limit()).await?, |job| {
        job.id.to_string()
    });
    Ok(JobsPage {
        total: jobs::count_given_up(app).await?,
        rows: jobs.into_iter().map(|job| row(job, now)).collect(),
        after,
        now,
    })
}

/// What may be shown of a job: of a mail its subject and its address, never what it says.
fn row(job: GivenUp, now: DateTime<Utc>) -> JobRow {
    let mail = match Kind::parse(&job.kind) {
        Some(Kind::Mail) => mail::read(&job.payload).ok(),
        _ => None,
    };
    let (subject, to) = mail.map(|mail| (mail.subject, mail.to)).unzip();
    JobRow {
        id: job.id,
        what: subject.map_or_else(|| actions::name_of(&job.kind), |subject| format!("Mail “{subject}”")),
        to,
        attempts: job.attempts,
        error: job.error,
        is_too_late: job.expires_at.is_some_and(|at| at <= now),
        at: job.at,
    }
}
