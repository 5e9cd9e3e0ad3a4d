//! Which points come before which on every path: the dominator tree (Cooper, Harvey, Kennedy, "A Simple, Fast Dominance
//! Algorithm", 2001).

use super::Flow;

const NONE: usize = usize::MAX;

/// The points that can be reached from the first, and who dominates whom.
pub struct Tree {
    /// Points in reverse postorder.
    pub order: Vec<usize>,
    pub before: Vec<Vec<usize>>,
    /// Place in `order`; `usize::MAX` when the point is never reached.
    place: Vec<usize>,
    parent: Vec<usize>,
    spans: Vec<(u32, u32)>,
}

impl Tree {
    pub fn of(flow: &Flow) -> Self {
        let n = flow.points.len();
        let mut before = vec![Vec::new(); n];
        let mut order = Vec::with_capacity(n);
        let mut seen = vec![false; n];
        let mut open = vec![(0, 0)];
        seen[0] = true;
        while let Some((point, at)) = open.pop() {
            let Some(edge) = flow.points[point].next.get(at) else {
                order.push(point);
                continue;
            };
            open.push((point, at + 1));
            before[edge.to].push(point);
            if !std::mem::replace(&mut seen[edge.to], true) {
                open.push((edge.to, 0));
            }
        }
        order.reverse();
        let mut place = vec![NONE; n];
        for (i, point) in order.iter().enumerate() {
            place[*point] = i;
        }
        for list in &mut before {
            // The latest first: then each is close to what the ones before it have in common.
            list.sort_unstable_by_key(|p| std::cmp::Reverse(place[*p]));
            list.dedup();
        }
        let mut tree = Self {
            order,
            before,
            place,
            parent: vec![NONE; n],
            spans: vec![(0, 0); n],
        };
        tree.dominators();
        tree.number();
        tree
    }

    fn dominators(&mut self) {
        self.parent[0] = 0;
        let mut changed = true;
        while changed {
            changed = false;
            for &point in &self.order[1..] {
                let mut common = NONE;
                for &p in &self.before[point] {
                    if self.parent[p] == NONE {
                        continue;
                    }
                    common = if common == NONE {
                        p
                    } else {
                        self.meet(p, common)
                    };
                }
                if self.parent[point] != common {
                    self.parent[point] = common;
                    changed = true;
                }
            }
        }
    }

    fn meet(&self, mut a: usize, mut b: usize) -> usize {
        while a != b {
            while self.place[a] > self.place[b] {
                a = self.parent[a];
            }
            while self.place[b] > self.place[a] {
                b = self.parent[b];
            }
        }
        a
    }

    fn number(&mut self) {
        let mut children = vec![Vec::new(); self.parent.len()];
        for &point in &self.order[1..] {
            children[self.parent[point]].push(point);
        }
        let mut clock = 0;
        let mut open = vec![(0, 0)];
        while let Some((point, at)) = open.pop() {
            if at == 0 {
                self.spans[point].0 = clock;
                clock += 1;
            }
            match children[point].get(at) {
                Some(child) => {
                    open.push((point, at + 1));
                    open.push((*child, 0));
                }
                None => self.spans[point].1 = clock,
            }
        }
    }

    pub fn reached(&self, point: usize) -> bool {
        self.place[point] != NONE
    }

    /// Every path to `b` comes by `a`.
    pub fn dominates(&self, a: usize, b: usize) -> bool {
        let ((a0, a1), (b0, b1)) = (self.spans[a], self.spans[b]);
        self.reached(a) && self.reached(b) && a0 <= b0 && b1 <= a1
    }

    /// When a walk through the tree enters and leaves the point: between the two are those that it dominates.
    pub fn span(&self, point: usize) -> (u32, u32) {
        self.spans[point]
    }

    /// The points that dominate `point`, from itself to the first.
    pub fn above(&self, point: usize) -> impl Iterator<Item = usize> {
        let next = |p: &usize| (*p != 0).then(|| self.parent[*p]);
        std::iter::successors(Some(point), next)
    }

    /// Whether an edge leads back in the order.
    pub fn back(&self, from: usize, to: usize) -> bool {
        self.place[to] <= self.place[from]
    }
}
