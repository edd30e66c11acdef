//! Attention: scores of queries with keys, a mask, a softmax and the sum of values that it weighs.
//!
//! [`find`](mod@find) starts at every softmax. [`probabilities`] follows its result to the product with the values, [`scores`] goes
//! back from its input to the product of queries and keys, and [`operands`] finds the tensors of the graph that hold queries, keys
//! and values, before heads are repeated for a group of queries. What is added to the scores ([`mask`]) or put in their place ([`chosen`])
//! is not interpreted: the operator reads it as the graph has it. A factor that is the same for all keys goes to the queries
//! ([`factors`]), and [`promises`] says what is hidden for all inputs. A softmax of scores that is left has a reason: in the file that gave
//! up, or in [`passed`], where something happens to the probabilities.
//!
//! Nothing is matched by the shape of the graph alone. At every step the index of the element that is read is known ([`walk`]), so
//! that the query, the key and the head of every factor are proven.

mod change;
mod chosen;
mod content;
mod factors;
mod find;
mod mask;
mod operands;
mod page;
mod passed;
mod probabilities;
mod promises;
mod scores;
mod site;
#[cfg(test)]
mod tests;
mod uses;
mod walk;

pub(super) use find::find;
pub(super) use page::{PAGE, RULE};
pub use site::{Attention, AttentionMask};
