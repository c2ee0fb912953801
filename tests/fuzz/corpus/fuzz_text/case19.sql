select e'x'
 '\':a' , :b