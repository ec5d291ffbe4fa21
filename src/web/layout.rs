//! The frames that every page stands in: public pages, one card, errors, and the shell of the application.

// Ready-made markup is handed over, so that a call reads `card(ctx, "Log in", html! { … })`.
#![allow(clippy::needless_pass_by_value)]

use maud::{DOCTYPE, Markup, html};

use super::assets;
use super::components::{eclipse, eclipse_small, theme_menu};
use super::context::{Ctx, Theme, Viewer};
use super::icons::icon;

/// What htmx is told before it starts. 1000 is among the codes to recover from because a page that comes back from
/// the back-forward cache finds its socket closed that way; 4401 and 4403 are not, because waiting does not help.
const HTMX_CONFIG: &str = r#"{"extensions":"ws,upsert","history":false,"noSwap":[204,304,"4xx","5xx"],"ws":{"pauseOnBackground":false,"reconnectDelay":500,"reconnectMaxDelay":30000,"reconnectCodes":[1000,1001,1005,1006,1007,1011,1012,1013,1014]}}"#;

/// The body of a page for everybody: the header, the rest as high as the window, the footer.
const PUBLIC: &str = "flex flex-col overflow-x-clip";

/// `--sky` of each theme, for the browser's own bars.
const NIGHT_SKY: &str = "#070a13";
const DAWN_SKY: &str = "#f1eff7";

/// A page for everybody: navigation above, footer below. With a viewer it leads to the chats instead of the log-in.
pub fn public(ctx: &Ctx, viewer: Option<&Viewer>, title: &str, main: Markup) -> Markup {
    let links = [("/about", "About"), ("/privacy", "Privacy")];
    let body = html! {
        (site_header(&html! {
            nav class="ms-5 flex gap-1 max-md:hidden" aria-label="Site" {
                @for (href, name) in links {
                    a class="button ghost px-2.75 aria-[current=page]:text-t1" href=(href)
                        aria-current=[(ctx.path == href).then_some("page")] { (name) }
                }
            }
            div class="ms-auto flex items-center gap-2" {
                (theme_menu(ctx))
                @if viewer.is_some() {
                    a.button.primary href="/chat/" { "Open the chats" }
                } @else {
                    a class="button ghost max-md:hidden" href="/accounts/login" { "Log in" }
                    a.button.primary href="/accounts/signup" { "Sign up" }
                }
            }
        }))
        main #main class="flex-1" tabindex="-1" { (main) }
        footer class="border-t border-line bg-veil pb-safe-bottom print:hidden" {
            div class="mx-auto flex min-h-16 max-w-290 flex-wrap items-center justify-between gap-x-6 gap-y-2 px-6 py-3" {
                p class="inline-flex items-center gap-2.5 font-550 text-t2 *:size-5" { (eclipse_small()) "UmbraChat" }
                nav class="flex gap-2" aria-label="Footer" {
                    @for (href, name) in links { a.quiet-link href=(href) { (name) } }
                    a.quiet-link href="/api/docs" { "For programs" }
                }
            }
        }
    };
    document(ctx, title, PUBLIC, false, &body)
}

/// One card in the middle under the word mark: log-in, sign-up, setup.
pub fn card(ctx: &Ctx, title: &str, card: Markup) -> Markup {
    let body = html! {
        header class="pt-4 pb-5.5 text-18/6 font-650" { (mark()) }
        main #main class="card w-full max-w-120 p-7.5 shadow-1 max-md:px-5 max-md:py-6" tabindex="-1" { (card) }
        footer class="flex items-center gap-1 pt-4 pb-10 text-t2 max-md:pb-8" {
            a.quiet-link href="/privacy" { "Privacy" } span aria-hidden="true" { "·" } a.quiet-link href="/about" { "About" }
        }
    };
    let frame = "grid grid-rows-[auto_auto_1fr] items-start justify-items-center px-4 pt-6 pb-safe-bottom max-md:px-2.5 max-md:pt-2";
    document(ctx, title, frame, false, &body)
}

/// A page under the eclipse with nothing but the word mark above it: errors, where it may be unknown who reads.
/// `above` stands over the title, `below` under the sentence that says what happened.
pub fn eclipsed(ctx: &Ctx, title: &str, above: Markup, sentence: &str, below: Markup) -> Markup {
    let body = html! {
        (site_header(&html! {}))
        main #main class="flex-1" tabindex="-1" {
            div class="relative mx-auto mt-8 mb-18 grid max-w-160 justify-items-center px-6 text-center before:absolute before:inset-x-[max(-60px,50%-50vw)] before:top-65 before:-bottom-15 before:-z-1 before:bg-hero-veil max-md:mt-4 max-md:mb-12" {
                (eclipse())
                (above)
                h1 class="mt-1.5 text-34 font-680 tracking-page max-md:text-28/8.5" { (title) }
                p class="mt-2 max-w-[27em] text-18 text-balance text-t2" { (sentence) }
                (below)
            }
        }
    };
    document(ctx, title, PUBLIC, false, &body)
}

/// Running text on a sheet of its own, never on bare stars: privacy, about.
pub fn prose(title: &str, lead: &str, text: Markup) -> Markup {
    html! {
        article class="prose mx-auto mt-8 mb-24 max-w-200 rounded-card border border-line bg-sheet px-14 pt-12 pb-14 text-16/6.5 text-t2 max-md:mx-2 max-md:mt-2 max-md:mb-12 max-md:px-5 max-md:pt-7 max-md:pb-9" {
            header class="mb-10" {
                h1 class="text-34 font-680 tracking-page text-t1" { (title) }
                p class="mt-2 text-18" { (lead) }
            }
            (text)
        }
    }
}

/// Inside the application: the side bar on the sky, the sheet beside it. `side_bar` brings its own landmark.
pub fn shell(ctx: &Ctx, title: &str, side_bar: Markup, sheet: Markup) -> Markup {
    let body = html! {
        div.shell {
            (side_bar)
            main.sheet #main tabindex="-1" {
                (sheet)
                (toast())
            }
        }
        // What htmx puts into it is shown over the page.
        dialog #dialog class="dialog md:has-[#switch-q]:mt-27.5 md:has-[#switch-q]:w-150" x-data="dialog" aria-label="Question" {}
    };
    document(ctx, title, "in-shell", true, &body)
}

/// What a sheet begins with: the way back on a phone, and the title.
pub fn sheet_header(back: &Markup, title: &str) -> Markup {
    html! {
        header class="flex min-h-15 flex-none items-center gap-1 ps-5.5 pe-3 max-md:box-content max-md:min-h-14.5 max-md:ps-2.5 max-md:pt-safe-top" {
            (back)
            h1 class="text-16 font-650 tracking-tight" { (title) }
        }
    }
}

/// A short notice, one at a time. The two lines are there from the start, because only what changes in them is
/// announced: notices when a screen reader pauses, errors at once.
fn toast() -> Markup {
    html! {
        div.toast x-data="toast" x-bind:class="kind" {
            p role="status" x-text="notice" {}
            p role="alert" x-text="problem" {}
            button.icon-button type="button" hidden x-bind:hidden="closed" aria-label="Close" x-on:click="close" { (icon("x")) }
        }
    }
}

/// The word mark, a link to the start, in the type of what is around it.
pub fn mark() -> Markup {
    html! { a class="inline-flex min-h-11 items-center gap-2.5 text-t1" href="/" { (eclipse_small()) "UmbraChat" } }
}

fn site_header(rest: &Markup) -> Markup {
    html! {
        header class="relative z-2 mx-auto flex min-h-18 w-full max-w-290 items-center gap-3 px-6 py-2 max-md:min-h-15 max-md:ps-3.5 max-md:pe-3 print:hidden" {
            div class="text-16 font-650" { (mark()) }
            (rest)
        }
    }
}

/// The document around every frame. Inside the application it has htmx, and the style sheet that turns the reader's own
/// messages into bubbles; outside, next to no script.
fn document(ctx: &Ctx, title: &str, body_class: &str, in_application: bool, body: &Markup) -> Markup {
    let headers = in_application.then(|| serde_json::json!({ "X-CSRF-Token": ctx.csrf_token }).to_string());
    let script = if in_application { "chat.js" } else { "site.js" };
    html! {
        (DOCTYPE)
        html lang="en" data-theme=(ctx.theme.as_str()) {
            head {
                meta charset="utf-8";
                title { @if title == "UmbraChat" { "UmbraChat" } @else { (title) " · UmbraChat" } }
                meta name="viewport"
                    content="width=device-width, initial-scale=1, viewport-fit=cover, interactive-widget=resizes-content";
                (theme_colour(ctx.theme))
                meta name="description" content="A private chat that your group runs on its own server.";
                link rel="icon" type="image/svg+xml" href=(assets::url("favicon.svg"));
                link rel="stylesheet" href=(assets::url("app.css"));
                @if in_application {
                    link rel="stylesheet" href="/chat/me.css";
                    meta name="htmx-config" content=(HTMX_CONFIG);
                }
                script src=(assets::url(script)) defer {}
            }
            body class=(body_class) hx-headers:inherited=[headers] {
                a.skip-link href="#main" { "Skip to the content" }
                (body)
            }
        }
    }
}

fn theme_colour(theme: Theme) -> Markup {
    html! {
        @match theme {
            Theme::System => {
                meta name="theme-color" content=(NIGHT_SKY) media="(prefers-color-scheme: dark)";
                meta name="theme-color" content=(DAWN_SKY) media="(prefers-color-scheme: light)";
            }
            Theme::Night => meta name="theme-color" content=(NIGHT_SKY);,
            Theme::Dawn => meta name="theme-color" content=(DAWN_SKY);,
        }
    }
}
