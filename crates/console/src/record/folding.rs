//! Which values of a tree are folded.

use std::collections::BTreeSet;

use super::JsonTree;

/// Levels that are open at first in a large tree.
const FIRST_LEVELS: usize = 2;
/// A tree with at most this number of values is open at first.
const SMALL_TREE_NODES: usize = 500;

/// Which values are folded: those from a level on, with exceptions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Folding {
    /// Values with at least this depth are folded.
    levels: usize,
    /// Values for which it is the other way round.
    exceptions: BTreeSet<usize>,
}

impl Folding {
    /// How a tree is folded at first.
    #[must_use]
    pub fn of(tree: &JsonTree) -> Self {
        let levels = if tree.nodes().len() <= SMALL_TREE_NODES { deepest(tree) } else { FIRST_LEVELS };
        Self { levels, exceptions: BTreeSet::new() }
    }

    /// Whether what a value contains is visible, if the value is.
    #[must_use]
    pub fn is_open(&self, tree: &JsonTree, index: usize) -> bool {
        tree.node(index).is_some_and(|node| (node.depth < self.levels) != self.exceptions.contains(&index))
    }

    /// Opens or folds a value.
    pub fn set_open(&mut self, tree: &JsonTree, index: usize, open: bool) {
        let Some(node) = tree.node(index).filter(|node| node.is_foldable()) else { return };
        if (node.depth < self.levels) == open {
            self.exceptions.remove(&index);
        } else {
            self.exceptions.insert(index);
        }
    }

    /// Folds the innermost level that is open, or opens one more. Exceptions end.
    pub fn step_level(&mut self, tree: &JsonTree, open: bool) {
        let levels = self.levels.min(deepest(tree));
        self.levels = if open { (levels + 1).min(deepest(tree)) } else { levels.saturating_sub(1) };
        self.exceptions.clear();
    }

    /// Opens everything that contains a value.
    pub fn reveal(&mut self, tree: &JsonTree, index: usize) {
        let mut parent = tree.node(index).and_then(|node| node.parent);
        while let Some(index) = parent {
            self.set_open(tree, index, true);
            parent = tree.node(index).and_then(|node| node.parent);
        }
    }

    /// The visible values.
    pub fn visible<'a>(&'a self, tree: &'a JsonTree) -> impl Iterator<Item = usize> + 'a {
        let mut next = 0;
        std::iter::from_fn(move || {
            let index = next;
            let node = tree.node(index)?;
            next = if self.is_open(tree, index) { index + 1 } else { node.end };
            Some(index)
        })
    }
}

/// The number of levels of a tree that can be opened.
fn deepest(tree: &JsonTree) -> usize {
    tree.nodes().iter().map(|node| node.depth).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tree() -> JsonTree {
        JsonTree::parse(&r#"{"a":[1,[2,3]],"b":{},"c":{"d":4}}"#.into()).unwrap()
    }

    fn visible(folding: &Folding, tree: &JsonTree) -> Vec<usize> {
        folding.visible(tree).collect()
    }

    #[test]
    fn levels_fold_from_the_inside_and_open_from_the_outside() {
        let tree = tree();
        let mut folding = Folding::of(&tree);
        assert_eq!(visible(&folding, &tree), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
        folding.step_level(&tree, false);
        assert_eq!(visible(&folding, &tree), [0, 1, 2, 3, 6, 7, 8]);
        folding.step_level(&tree, false);
        assert_eq!(visible(&folding, &tree), [0, 1, 6, 7]);
        for _ in 0..5 {
            folding.step_level(&tree, false);
        }
        assert_eq!(visible(&folding, &tree), [0]);
        folding.step_level(&tree, true);
        assert_eq!(visible(&folding, &tree), [0, 1, 6, 7]);
    }

    #[test]
    fn one_value_can_be_folded_and_opened() {
        let tree = tree();
        let mut folding = Folding::of(&tree);
        folding.set_open(&tree, 1, false);
        assert_eq!(visible(&folding, &tree), [0, 1, 6, 7, 8]);
        folding.reveal(&tree, 5);
        assert_eq!(visible(&folding, &tree), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
        folding.set_open(&tree, 8, false);
        assert!(folding.is_open(&tree, 0), "a scalar cannot be folded");
        assert_eq!(visible(&folding, &tree).len(), 9);
    }

    #[test]
    fn a_large_tree_is_open_to_the_second_level() {
        let tree = JsonTree::parse(&format!("[[[{}1]]]", "1,".repeat(600)).into()).unwrap();
        assert_eq!(visible(&Folding::of(&tree), &tree), [0, 1, 2]);
    }

    #[derive(Clone, Debug)]
    enum Step {
        Set(usize, bool),
        Level(bool),
        Reveal(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (0_usize..10, any::<bool>()).prop_map(|(index, open)| Step::Set(index, open)),
            any::<bool>().prop_map(Step::Level),
            (0_usize..10).prop_map(Step::Reveal),
        ]
    }

    proptest! {
        #[test]
        fn a_value_is_visible_if_everything_that_contains_it_is_open(steps in prop::collection::vec(step(), 0..20)) {
            let tree = tree();
            let mut folding = Folding::of(&tree);
            for step in steps {
                match step {
                    Step::Set(index, open) => folding.set_open(&tree, index, open),
                    Step::Level(open) => folding.step_level(&tree, open),
                    Step::Reveal(index) => {
                        folding.reveal(&tree, index);
                        prop_assert!(index >= tree.nodes().len() || folding.visible(&tree).any(|one| one == index));
                    }
                }
                let is_visible = |index: usize| {
                    let mut parent = tree.nodes()[index].parent;
                    while let Some(one) = parent {
                        if !folding.is_open(&tree, one) {
                            return false;
                        }
                        parent = tree.nodes()[one].parent;
                    }
                    true
                };
                let expected: Vec<usize> = (0..tree.nodes().len()).filter(|index| is_visible(*index)).collect();
                prop_assert_eq!(visible(&folding, &tree), expected);
            }
        }
    }
}
