// The bench writes another number here for the variant with 1,000 routes. One is in every variant, to compare with.
export const MORE_ROUTES = 1;
