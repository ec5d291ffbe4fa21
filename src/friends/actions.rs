//! What changes between two people.

use sqlx::PgConnection;

use super::model::{Pair, Relation};
use super::queries;
use crate::accounts::model::Author;
use crate::accounts::queries::find_author;
use crate::bus::Event;
use crate::ids::UserId;
use crate::text::fold;
use crate::{App, Error, Result};

/// The person of that username, and what they are to `me`. One is nobody to oneself.
pub async fn find(app: &App, me: UserId, username: &str) -> Result<(Author, Relation)> {
    let (person, _) = find_pair(app, me, username).await?;
    let relation = queries::find_relation(&app.db, me, person.id).await?;
    Ok((person, relation))
}

/// Asks somebody to be a friend; if they have asked as well, both are friends. Asking twice is asking once.
pub async fn request(app: &App, me: UserId, username: &str) -> Result<Author> {
    change(app, me, username, async |db, pair, person, relation| match relation {
        Relation::Blocked => Err(Error::Conflict(format!(
            "You blocked {}. Unblock them first.",
            person.name
        ))),
        Relation::Stranger => Ok(queries::insert_request(db, pair, me, app.now()).await?),
        Relation::Asking => Ok(queries::update_accepted(db, pair, app.now()).await?),
        Relation::Requested | Relation::Friend => Ok(()),
    })
    .await
}

/// Agrees to a request.
pub async fn accept(app: &App, me: UserId, username: &str) -> Result<Author> {
    change(app, me, username, async |db, pair, _, relation| match relation {
        Relation::Asking => Ok(queries::update_accepted(db, pair, app.now()).await?),
        Relation::Friend => Ok(()),
        _ => Err(Error::NotFound),
    })
    .await
}

/// Ends what is between two people while it is `expected`: a request that is declined or taken back, or a friendship.
pub async fn end(app: &App, me: UserId, username: &str, expected: Relation) -> Result<Author> {
    change(app, me, username, async |db, pair, _, relation| {
        if relation != expected {
            return Err(Error::NotFound);
        }
        Ok(queries::delete_friendship(db, pair).await?)
    })
    .await
}

/// Blocks somebody, which ends a friendship and requests. Blocking twice is blocking once.
pub async fn block(app: &App, me: UserId, username: &str) -> Result<Author> {
    change(app, me, username, async |db, pair, person, _| {
        if queries::insert_block(db, me, person.id, app.now()).await? {
            queries::delete_friendship(db, pair).await?;
        }
        Ok(())
    })
    .await
}

/// Ends a block.
pub async fn unblock(app: &App, me: UserId, username: &str) -> Result<Author> {
    change(app, me, username, async |db, _, person, _| {
        queries::delete_block(db, me, person.id).await?;
        Ok(())
    })
    .await
}

/// Changes what is between two people, who are locked meanwhile, and tells both. Their direct chat closes when they are not
/// friends any more.
async fn change(
    app: &App,
    me: UserId,
    username: &str,
    store: impl AsyncFnOnce(&mut PgConnection, Pair, &Author, Relation) -> Result<()>,
) -> Result<Author> {
    app.throttle.check_membership(me)?;
    let (person, pair) = find_pair(app, me, username).await?;
    let mut tx = app.db.begin().await?;
    queries::lock_pair(&mut tx, pair).await?;
    let relation = queries::find_relation(&mut *tx, me, person.id).await?;
    let theirs = queries::find_relation(&mut *tx, person.id, me).await?;
    store(&mut tx, pair, &person, relation).await?;
    let now = queries::find_relation(&mut *tx, person.id, me).await?;
    let closed = if theirs == Relation::Friend && now != Relation::Friend {
        queries::take_direct_change(&mut tx, pair).await?
    } else {
        None
    };
    tx.commit().await?;
    if let Some((room, change)) = closed {
        app.bus.publish(Event::RoomChanged { room, change });
    }
    let mut people = vec![me];
    // Who is blocked, or was asked by somebody whom they block, sees nothing of it.
    if now != theirs {
        people.push(person.id);
    }
    app.bus.publish(Event::SideBarChanged { people });
    Ok(person)
}

async fn find_pair(app: &App, me: UserId, username: &str) -> Result<(Author, Pair)> {
    let person = find_author(&app.db, &fold(username)).await?.ok_or(Error::NotFound)?;
    let pair = Pair::of(me, person.id).ok_or(Error::NotFound)?;
    Ok((person, pair))
}
