// The bench writes another number here for the variant with 1,000 routes.
export const MORE_ROUTES = 0;
