//! Rows that go to PostgreSQL together.
//!
//! An order is many rows, and each statement of its own costs a way to the server and back, which is more than the
//! row costs. So what is only written waits in the transaction ([`later`]), and goes as one statement with the next one
//! that may look at it, or with the commit. Nobody can tell: a transaction sees all that it wrote, and others see it
//! at the commit. SQLite is in this process, and is told at once.

use sqlx::encode::Encode;
use sqlx::postgres::{PgArguments, PgConnection};
use sqlx::types::Type;
use sqlx::{Arguments as _, AssertSqlSafe, Postgres};

use super::StoreError;

/// Most statements that go together.
const MOST: usize = 64;
/// With more than this the text is hardly ever the same again: it is not kept prepared.
const USUAL: usize = 32;

/// Statements that wait: each writes rows of its own, which none of the others touches.
#[derive(Default)]
pub struct Later {
    texts: Vec<&'static str>,
    /// How many values the statements before each have.
    before: Vec<usize>,
    values: PgArguments,
}

impl Later {
    pub(super) fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.texts.len() >= MOST
    }

    pub(super) fn add(&mut self, text: &'static str) {
        self.texts.push(text);
        self.before.push(self.values.len());
    }

    pub(super) fn bind<'q, T: Encode<'q, Postgres> + Type<Postgres>>(
        &mut self,
        value: T,
    ) -> Result<(), StoreError> {
        self.values.add(value).map_err(|e| StoreError::Sql(sqlx::Error::Encode(e)))
    }

    pub(super) async fn write(&mut self, connection: &mut PgConnection) -> Result<(), StoreError> {
        let Self { texts, before, values } = std::mem::take(self);
        let usual = texts.len() <= USUAL;
        let text = together(&texts, &before);
        sqlx::query_with(AssertSqlSafe(text), values).persistent(usual).execute(connection).await?;
        Ok(())
    }
}

/// One statement that does what all of them do: the last one, with the others before it as `WITH` queries.
fn together(texts: &[&str], before: &[usize]) -> String {
    let mut all = String::with_capacity(texts.iter().map(|t| t.len() + 24).sum());
    for (n, (text, before)) in texts.iter().zip(before).enumerate() {
        let last = n + 1 == texts.len();
        if !last {
            all += if n == 0 { "WITH w" } else { ", w" };
            all += &format!("{n} AS (");
        }
        renumber(text, *before, &mut all);
        all += if last { "" } else { ")" };
        if n + 2 == texts.len() {
            all.push(' ');
        }
    }
    all
}

/// Appends a statement with `$1` as the value after so many others.
fn renumber(text: &str, before: usize, all: &mut String) {
    let mut parts = text.split('$');
    all.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let digits = part.len() - part.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        all.push('$');
        if let Ok(n) = part[..digits].parse::<usize>() {
            all.push_str(&(n + before).to_string());
        }
        all.push_str(&part[digits..]);
    }
}

/// Writes rows that no other statement of [`later`] touches until this transaction looks at them or commits: the same
/// text and binds for both databases.
macro_rules! later {
    ($tx:expr, $text:expr $(, $arg:expr)* $(,)?) => {{
        if let Some(later) = $tx.later() {
            later.add($text);
            $(later.bind($arg)?;)*
            if later.is_full() { $tx.conn().await.map(drop) } else { Ok(()) }
        } else {
            $crate::store::sql!($tx, execute, $text $(, $arg)*).map(drop)
        }
    }};
}
pub(super) use later;

#[cfg(test)]
mod tests {
    use super::together;

    #[test]
    fn statements_become_one_with_values_of_their_own() {
        assert_eq!(together(&["A $1"], &[0]), "A $1");
        assert_eq!(
            together(&["A ($1, $2)", "B ($2,$1)", "C $11"], &[0, 2, 4]),
            "WITH w0 AS (A ($1, $2)), w1 AS (B ($4,$3)) C $15"
        );
    }
}
