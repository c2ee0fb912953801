# SPDX-License-Identifier: MIT
"""What mutate.py changes: (dialect: what, text in compiler/*.c, text instead). Each text
stands in the sources exactly once."""

ALL = [
    ("sqlite: % becomes //", 'ARITH("%", 2, 2, rule_integer, DRESS_INTEGER, '
     '{"($1 % $2)", "($1 % $2)", "tb_mod($1, $2)"})',
     'ARITH("%", 2, 2, rule_integer, DRESS_INTEGER, '
     '{"($1 % $2)", "($1 % $2)", "tb_idiv($1, $2)"})'),
]
