# SPDX-License-Identifier: MIT
"""Ten accounts, transfers between them, sums over them.

A transfer takes from one account, gives to another and writes its unique id into the
ledger, in one of several manners: all sent at once, statement by statement, with rows
read under lock and written as absolute values, or with a part of it done, undone by a
savepoint, and done again. Sums are read twice in one transaction, or once outside of
any. A mark is a single insert outside of transactions.
"""
import time

from statements import insert, read, total, update

ACCOUNTS, START = 10, 1000

SCHEMA = """
create table accounts (id integer not null primary key, balance bigint not null);
create table ledger (id bigint not null primary key, source integer not null,
                     target integer not null, amount bigint not null);
create table marks (id bigint not null primary key, proc integer not null);
"""


def script():
    rows = ", ".join(f"({i}, {START})" for i in range(ACCOUNTS))
    return SCHEMA + f"insert into accounts (id, balance) values {rows};\n"


class Bank:
    def __init__(self, isolation):
        self.isolation = isolation

    def next(self, rng, number):
        """A random operation; `number` is unique."""
        draw = rng.random()
        if draw < 0.55:
            source, target = rng.sample(range(ACCOUNTS), 2)
            manner = rng.choice(("at once", "at once", "one by one", "under lock", "savepoint"))
            return {"f": "transfer", "id": number, "from": source, "to": target,
                    "amount": rng.randint(1, 5), "manner": manner}
        if draw < 0.7:
            return {"f": "sum", "manner": rng.choice(("twice", "alone"))}
        if draw < 0.85:
            return {"f": "read", "account": rng.randrange(ACCOUNTS)}
        return {"f": "mark", "id": number}

    def perform(self, session, op, rng):
        """Does it; what is to be told besides op. Raises Refused or Unknown."""
        return getattr(self, "_" + op["f"])(session, op, rng)

    def _transfer(self, session, op, rng):
        if op["manner"] == "at once":
            session.pipeline(self.isolation, self._steps(op, rng))
            return {}
        session.begin(self.isolation)
        if op["manner"] == "under lock":
            self._under_lock(session, op, rng)
        elif op["manner"] == "savepoint":
            self._with_savepoint(session, op, rng)
        else:
            slowly(session, self._steps(op, rng), rng)
        session.commit()
        return {}

    def _steps(self, op, rng):
        steps = [add(op["from"], -op["amount"], rng), add(op["to"], op["amount"], rng),
                 entry(op, rng)]
        rng.shuffle(steps)
        return steps

    def _with_savepoint(self, session, op, rng):
        steps = self._steps(op, rng)
        session.run(steps[0])
        session.savepoint("half")
        session.run(steps[1])
        session.rollback_to("half")
        session.run(steps[1])
        session.run(steps[2])

    def _under_lock(self, session, op, rng):
        session.run(entry(op, rng))
        for account, amount in sorted([(op["from"], -op["amount"]), (op["to"], op["amount"])]):
            held = session.run(read("accounts", ("id", "balance"), fresh(rng), key=account,
                                    lock=True))
            balance = int(held.rows[0][1]) if held.rows else 0
            session.run(update("accounts", ("balance", ":value"), ("balance", "%s"),
                               balance + amount, ("id", account)))

    def _sum(self, session, op, rng):
        if op["manner"] == "alone":
            told = session.auto(total("accounts", "balance", fresh(rng)))
            return {"readings": [int(row[0]) for row in told.rows]}
        session.begin(self.isolation)
        first = session.run(all_accounts(rng))
        middle = session.run(total("accounts", "balance", fresh(rng)))
        second = session.run(all_accounts(rng))
        session.commit()
        return {"readings": [as_map(first), *(int(row[0]) for row in middle.rows),
                             as_map(second)]}

    def _read(self, session, op, rng):
        """By key, outside of any transaction: what shares a connection with others."""
        nonce = fresh(rng)
        told = session.auto(read("accounts", ("id", "balance"), nonce, key=op["account"]))
        wrong = [row[0] for row in told.rows if row[0] != op["account"]]
        if wrong:
            session.nonces.append([f"account {op['account']}", f"account {wrong[0]}"])
        return {}

    def _mark(self, session, op, rng):
        nonce = rng.choice((None, fresh(rng)))
        session.auto(insert("marks", {"id": op["id"], "proc": 0}, nonce))
        return {}


def slowly(session, steps, rng):
    """One by one, now and then with a pause, so that transactions meet."""
    answers = []
    for step in steps:
        answers.append(session.run(step))
        if rng.random() < 0.4:
            time.sleep(rng.uniform(0, 0.006))
    return answers


def fresh(rng):
    return rng.randrange(1, 2**31)


def sometimes(rng):
    return fresh(rng) if rng.random() < 0.3 else None


def add(account, amount, rng):
    return update("accounts", ("balance", ["+", "balance", ":value"]),
                  ("balance", "balance + %s"), amount, ("id", account), sometimes(rng))


def entry(op, rng):
    row = {"id": op["id"], "source": op["from"], "target": op["to"], "amount": op["amount"]}
    return insert("ledger", row, sometimes(rng))


def all_accounts(rng):
    return read("accounts", ("id", "balance"), fresh(rng), expected=ACCOUNTS)


def as_map(answer):
    return {str(row[0]): row[1] for row in answer.rows}
