# The same functions for Architect's sandbox. Each src holds an index.mjs that the bench writes.
@app
bench

@http
/hello
  method get
  src arc/hello

/slow
  method get
  src arc/slow

/echo
  method post
  src arc/echo

/live
  method get
  src arc/live

/cold/0
  method get
  src arc/cold0

/cold/1
  method get
  src arc/cold1

/cold/2
  method get
  src arc/cold2

/cold/3
  method get
  src arc/cold3

/cold/4
  method get
  src arc/cold4
