select -- :a
 :b