# SPDX-License-Identifier: MIT
"""A directed graph whose edges have kinds: strong components and cycles."""
import collections


class Graph:
    """Edges a → b with a set of kinds ("ww", "wr", "rw", "rt")."""

    def __init__(self):
        self.edges = collections.defaultdict(dict)

    def add(self, a, b, kind):
        if a != b:
            self.edges[a].setdefault(b, set()).add(kind)

    def only(self, kinds):
        """The graph of the edges that have one of these kinds."""
        out = Graph()
        for a, targets in self.edges.items():
            for b, own in targets.items():
                if own & kinds:
                    out.edges[a][b] = own & kinds
        return out

    def components(self):
        """Strong components of more than one node (Tarjan, without recursion)."""
        index, low, on_stack, stack, out = {}, {}, set(), [], []
        for root in list(self.edges):
            if root in index:
                continue
            work = [(root, iter(self.edges.get(root, ())))]
            index[root] = low[root] = len(index)
            stack.append(root)
            on_stack.add(root)
            while work:
                node, targets = work[-1]
                for target in targets:
                    if target not in index:
                        index[target] = low[target] = len(index)
                        stack.append(target)
                        on_stack.add(target)
                        work.append((target, iter(self.edges.get(target, ()))))
                        break
                    if target in on_stack:
                        low[node] = min(low[node], index[target])
                else:
                    work.pop()
                    if work:
                        parent = work[-1][0]
                        low[parent] = min(low[parent], low[node])
                    if low[node] == index[node]:
                        members = set()
                        while node not in members:
                            member = stack.pop()
                            on_stack.discard(member)
                            members.add(member)
                        if len(members) > 1:
                            out.append(members)
        return out

    def path(self, start, goal, inside):
        """A shortest path as a list of nodes, within a set of nodes, or None."""
        came, queue = {start: None}, collections.deque([start])
        while queue:
            node = queue.popleft()
            if node == goal:
                out = []
                while node is not None:
                    out.append(node)
                    node = came[node]
                return out[::-1]
            for target in self.edges.get(node, ()):
                if target in inside and target not in came:
                    came[target] = node
                    queue.append(target)
        return None

    def cycle(self, members):
        """A short cycle in a strong component, its first node again at its end."""
        best = None
        for node in sorted(members)[:50]:
            for target in self.edges[node]:
                if target in members:
                    found = self.path(target, node, members)
                    if found and (best is None or len(found) < len(best) - 1):
                        best = [node] + found
        return best

    def kinds(self, cycle):
        return ["/".join(sorted(self.edges[a][b])) for a, b in zip(cycle, cycle[1:])]
