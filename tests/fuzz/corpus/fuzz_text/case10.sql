select 1 ; -- end
;/* x */