// Stands in for React Native in a browser: an application that is always in the foreground.

export const AppState = { currentState: "active", addEventListener: () => ({ remove() {} }) };
