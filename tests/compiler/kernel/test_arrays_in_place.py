"""Where arrays cannot be changed in place: no kernel reads what it has written over."""

from __future__ import annotations

import pytest

from twofold.compiler.kernel.control import fits
from twofold.ir.parser import parse

USED_BEHIND_THE_CHANGE = """
graph f(%n: i64[], %x: f64[m]) {
  %zero = constant() {value=i64[] [0]}
  %i: i64[], %u: f64[m] = while(%zero, %x, %n) {carried=2}
    region test(%i: i64[], %u: f64[m], %n: i64[]) { %t = less(%i, %n) return %t }
    region body(%i: i64[], %u: f64[m], %n: i64[]) {
      %one = constant() {value=i64[] [1]}
      %j = add(%i, %one)
      %at: i64[1] = expand_dims(%i) {axis=(0,)}
      %half = constant() {value=f64[] [0.5]}
      %v: f64[m] = tensor_scatter_nd_update(%u, %at, %half)
      %old: f64[] = gather(%u, %j) {axis=0, batch_dims=0}
      %to: i64[1] = expand_dims(%j) {axis=(0,)}
      %w: f64[m] = tensor_scatter_nd_update(%v, %to, %old)
      return %j, %w
    }
  return %u
}
"""
A_PART_OF_AHEAD_OF_THE_LOOP = """
graph f(%n: i64[], %x: f64[m,k]) {
  %zero = constant() {value=i64[] [0]}
  %i: i64[], %u: f64[m,k] = while(%zero, %x, %n) {carried=2}
    region test(%i: i64[], %u: f64[m,k], %n: i64[]) { %t = less(%i, %n) return %t }
    region body(%i: i64[], %u: f64[m,k], %n: i64[]) {
      %one = constant() {value=i64[] [1]}
      %row: f64[k] = gather(%u, %i) {axis=0, batch_dims=0}
      %j: i64[], %v: f64[m,k] = while(%i, %u, %n, %row) {carried=2}
        region test(%j: i64[], %u: f64[m,k], %n: i64[], %row: f64[k]) { %t = less(%j, %n) return %t }
        region body(%j: i64[], %u: f64[m,k], %n: i64[], %row: f64[k]) {
          %one = constant() {value=i64[] [1]}
          %l = add(%j, %one)
          %x: f64[] = gather(%row, %j) {axis=0, batch_dims=0}
          %at: i64[2] = stack(%j, %j) {axis=0}
          %v: f64[m,k] = tensor_scatter_nd_update(%u, %at, %x)
          return %l, %v
        }
      %l = add(%i, %one)
      return %l, %v
    }
  return %u
}
"""


@pytest.mark.parametrize("text", [USED_BEHIND_THE_CHANGE, A_PART_OF_AHEAD_OF_THE_LOOP])
def test_an_array_that_is_used_as_it_was_is_not_changed(text: str) -> None:
    (loop,) = (node for node in parse(text).nodes if node.regions)
    assert not fits(loop)
